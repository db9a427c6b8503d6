-- One row per moment that falls due in the window: its instant, moved to the next opening, and its expiry.
-- Of capped and guarded campaigns also what falls due in the rest of the recipient's day: it is `upcoming`.
WITH nominal AS (
    SELECT
        d.*,
        s.lane,
        s.active_from,
        s.backlog_from,
        CASE
            WHEN d.minutes IS NOT NULL THEN plus_minutes(d.base_at, d.minutes)
            -- A day of a timeline, or one after a step, does not lie before what it counts from.
            WHEN f.not_before THEN greatest(l.instant, d.base_at)
            ELSE l.instant
        END
        {% if spread %}
        -- Each subject has a place of its own, the same every time.
        + to_minutes(CAST(
            floor(d.spread_minutes * draw01('spread:' || s.campaign, d.tenant_id || ':' || d.subject_id)) AS BIGINT
        ))
        {% endif %}
        AS nominal_at,
        coalesce(d.anchor_at, n.instant) AS anchor_instant
    FROM addressed AS d
    INNER JOIN steps AS s ON d.place = s.place
    INNER JOIN flows AS f ON d.place = f.place
    LEFT JOIN local_times AS l ON d.zone = l.zone AND d.day = l.day AND d.clock = l.at
    LEFT JOIN local_times AS n ON d.zone = n.zone AND d.anchor_day = n.day AND d.clock = n.at
),

-- What passed before the step was active does not exist, except the latest of each subject in a backlog.
existing AS (
    SELECT
        n.*,
        max(CASE WHEN n.nominal_at < n.active_from THEN n.nominal_at END)
            OVER (PARTITION BY n.tenant_id, n.campaign_id, n.subject_id, n.lane) AS latest_passed
    FROM nominal AS n
    WHERE n.nominal_at >= n.active_from OR n.nominal_at >= n.backlog_from
),

{% if promoting %}
-- Of an experiment's audience a share goes first. The rest waits for what that shows, unless it is known by then.
shared AS (
    SELECT
        e.*,
        coalesce(
            100 * draw01(p.seed, e.tenant_id || ':' || e.subject_id) >= p.share
            AND (
                p.by_slot
                OR v.decided_at IS NULL
                OR plus_minutes(greatest(e.nominal_at, e.active_from), -q.lead_minutes) < v.decided_at
            ),
            false
        ) AS waits,
        q.wait_minutes
    FROM existing AS e
    LEFT JOIN waits AS q ON e.place = q.place
    LEFT JOIN promoting AS p ON q.place IS NOT NULL AND e.campaign_id = p.campaign_id
    LEFT JOIN verdicts AS v
        ON NOT p.by_slot AND e.campaign_id = v.campaign_id AND e.tenant_id = v.tenant_id AND v.occurrence = 0
),

-- It waits from when it would have gone with the others, where their send window was open.
begins AS (
    SELECT
        e.*,
        CASE
            {% if gated %}
            WHEN e.waits THEN plus_minutes(greatest(e.nominal_at, e.active_from, w.opens), e.wait_minutes)
            {% else %}
            WHEN e.waits THEN plus_minutes(greatest(e.nominal_at, e.active_from), e.wait_minutes)
            {% endif %}
            ELSE greatest(e.nominal_at, e.active_from)
        END AS begins_at
    FROM shared AS e
    {% if gated %}
    LEFT JOIN slots AS w
        ON
            e.waits
            AND e.gate = w.gate
            AND greatest(e.nominal_at, e.active_from) >= w.since
            AND greatest(e.nominal_at, e.active_from) < w.closes
    {% endif %}
    WHERE e.nominal_at >= e.active_from OR e.nominal_at = e.latest_passed
),
moved AS (
    SELECT
        e.*,
        {% if gated %}
        greatest(e.begins_at, w.opens) AS due_at
        {% else %}
        e.begins_at AS due_at
        {% endif %}
    FROM begins AS e
    {% if gated %}
    LEFT JOIN slots AS w ON e.gate = w.gate AND e.begins_at >= w.since AND e.begins_at < w.closes
    {% endif %}
)

{% else %}
moved AS (
    SELECT
        e.*,
        {% if gated %}
        greatest(e.nominal_at, e.active_from, w.opens) AS due_at
        {% else %}
        greatest(e.nominal_at, e.active_from) AS due_at
        {% endif %}
    FROM existing AS e
    {% if gated %}
    LEFT JOIN slots AS w
        ON
            e.gate = w.gate
            AND greatest(e.nominal_at, e.active_from) >= w.since
            AND greatest(e.nominal_at, e.active_from) < w.closes
    {% endif %}
    WHERE e.nominal_at >= e.active_from OR e.nominal_at = e.latest_passed
)

{% endif %}
SELECT
    m.*,
    CASE
        WHEN s.before THEN least(plus_minutes(m.due_at, s.lateness_minutes), m.anchor_instant)
        ELSE plus_minutes(m.due_at, s.lateness_minutes)
    END AS expires_at,
    {% if promoting %}
    -- What waits for a verdict has the whole of its time: it is planned once it is due, no sooner.
    m.due_at > CASE WHEN m.waits THEN least(s.due_to, CAST($as_of AS TIMESTAMPTZ)) ELSE s.due_to END AS upcoming
    {% else %}
    m.due_at > s.due_to AS upcoming
    {% endif %}
FROM moved AS m
INNER JOIN steps AS s ON m.place = s.place
{% if looks_ahead %}
INNER JOIN flows AS f ON m.place = f.place
{% endif %}
WHERE
    m.due_at >= s.due_from
    AND (
        {% if promoting %}
        m.due_at <= CASE WHEN m.waits THEN least(s.due_to, CAST($as_of AS TIMESTAMPTZ)) ELSE s.due_to END
        {% else %}
        m.due_at <= s.due_to
        {% endif %}
        {% if looks_ahead %}
        OR (
            f.looks_ahead
            AND m.anchor_on IS NOT NULL
            AND m.due_at < plus_minutes(s.due_to, 2880)
            AND local_date(m.due_at, m.person_zone) <= local_date(s.due_to, m.person_zone)
        )
        {% endif %}
    )
