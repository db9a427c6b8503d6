-- One row per moment: the decision with the values its gates saw. The first gate that applies decides.
-- Gates that look across subjects come later, over all of these.

-- What another tool had sent counts as this step where it went out no earlier than a day before it was due here.
WITH taken_over AS (
    SELECT
        m.moment_id,
        max(p.sent_at) AS sent_before
    FROM moments AS m
    INNER JOIN past_sends AS p
        ON
            m.step_id = p.step_id
            AND m.tenant_id = p.tenant_id
            AND m.subject_id = p.subject_id
            AND (m.occurrence = 0 OR p.sent_at >= plus_minutes(m.nominal_at, -1440))
    GROUP BY m.moment_id
),

repeated AS (
    SELECT
        m.moment_id,
        max(r.due_at) AS planned_before
    FROM moments AS m
    INNER JOIN recent AS r
        ON
            m.step_id = r.step_id
            AND m.tenant_id = r.tenant_id
            AND m.subject_id = r.subject_id
            AND r.due_at <= m.due_at
            -- Between dated moments calendar days count: a day of 23 hours is a day.
            AND CASE
                WHEN m.day IS NULL THEN r.due_at > plus_minutes(m.due_at, -m.repeat_minutes)
                ELSE
                    1440 * date_diff('day', local_date(r.due_at, m.zone), local_date(m.due_at, m.zone))
                    < m.repeat_minutes
            END
    GROUP BY m.moment_id
),

seen AS (
    SELECT
        m.moment_id,
        coalesce(m.due_at >= s.valid_from, true) AND coalesce(m.due_at <= s.valid_until, true) AS valid,
        t.active AS tenant_active,
        CASE WHEN s.action THEN 'not needed' ELSE coalesce(r.reach, 'missing') END AS reach,
        coalesce(b.planned_before, k.sent_before) AS planned_before,
        c.holdout AS own_holdout,
        CASE WHEN s.purpose = 'marketing' THEN g.holdout END AS tenant_holdout
    FROM moments AS m
    INNER JOIN steps AS s ON m.place = s.place
    INNER JOIN policies AS c ON m.campaign_id = c.campaign_id
    INNER JOIN tenants AS t ON m.tenant_id = t.id
    LEFT JOIN settings AS g ON m.tenant_id = g.tenant_id
    LEFT JOIN reached AS r ON m.moment_id = r.moment_id
    LEFT JOIN repeated AS b ON m.moment_id = b.moment_id
    LEFT JOIN taken_over AS k ON m.moment_id = k.moment_id
),

gated AS (
    SELECT
        h.*,
        m.tenant_id,
        m.campaign_id,
        m.subject_id,
        m.customer_id,
        m.occurrence,
        m.due_at,
        s.campaign,
        s.lane,
        CASE
            WHEN greatest(m.due_at, CAST($as_of AS TIMESTAMPTZ)) > m.expires_at THEN 'stale'
            WHEN s.paused OR NOT h.tenant_active OR NOT h.valid OR m.stopped OR m.hand_paused THEN 'inactive'
            WHEN m.waiting THEN 'waiting'
            WHEN m.ended OR m.exit_holds OR NOT m.when_holds THEN 'condition'
            WHEN h.reach IN ('missing', 'unusable') THEN 'no_recipient'
            WHEN f.customer_id IS NOT NULL OR r.suppressed_by IS NOT NULL THEN 'suppressed'
            WHEN h.planned_before IS NOT NULL THEN 'duplicate'
        END AS refused
    FROM seen AS h
    INNER JOIN moments AS m ON h.moment_id = m.moment_id
    INNER JOIN steps AS s ON m.place = s.place
    LEFT JOIN reached AS r ON h.moment_id = r.moment_id
    LEFT JOIN forgotten AS f ON m.tenant_id = f.tenant_id AND m.customer_id = f.customer_id
),

drawn AS (
    SELECT
        g.moment_id,
        g.valid,
        g.tenant_active,
        g.reach,
        g.planned_before,
        g.refused,
        g.own_holdout,
        g.tenant_holdout,
        -- Of several steps passed meanwhile the last one goes. What is not yet late by a whole tick always goes.
        max(CASE WHEN g.refused IS NULL AND g.due_at <= $as_of THEN g.due_at END)
            OVER (PARTITION BY g.tenant_id, g.campaign_id, g.subject_id, g.occurrence, g.lane) AS last_passed,
        {% if held_out %}
        -- Who is held out of a campaign is drawn by subject, who is held out of all marketing by customer.
        CASE
            WHEN g.own_holdout > 0
                THEN 100 * draw01('holdout:' || g.campaign, g.tenant_id || ':' || g.subject_id)
        END AS own_draw,
        CASE
            WHEN g.tenant_holdout > 0
                THEN 100 * draw01('holdout', g.tenant_id || ':' || coalesce(g.customer_id, g.subject_id))
        END AS tenant_draw
        {% else %}
        CAST(NULL AS DOUBLE) AS own_draw,
        CAST(NULL AS DOUBLE) AS tenant_draw
        {% endif %}
    FROM gated AS g
)

SELECT
    m.moment_id,
    m.audience,
    m.row_id,
    m.occurrence,
    m.tenant_id,
    m.campaign_id,
    s.campaign,
    m.step_id,
    s.step,
    m.place,
    m.subject_id,
    m.subject_text,
    m.recipient_id,
    m.recipient_kind,
    m.person_id,
    m.person_zone,
    m.customer_id,
    m.agent_id,
    m.account_id,
    coalesce(r.channel, s.channel) AS channel,
    r.address,
    r.address_hash,
    r.fallbacks,
    s.purpose,
    s.topic,
    s.version AS campaign_version,
    m.variant,
    s.priority,
    m.due_at,
    m.expires_at,
    m.upcoming,
    m.window_zone,
    m.nominal_at,
    m.zone,
    greatest(m.due_at, CAST($as_of AS TIMESTAMPTZ)) AS judged_at,
    s.paused,
    d.valid,
    d.tenant_active,
    m.hand_paused,
    m.stopped,
    m.waiting_for,
    m.ended,
    m.when_holds,
    m.exit_holds,
    d.reach,
    CASE WHEN f.customer_id IS NOT NULL THEN 'forgotten' ELSE r.suppressed_by END AS suppressed_by,
    d.planned_before,
    d.last_passed,
    {% if promoting %}
    CASE
        WHEN p.campaign_id IS NOT NULL THEN 100 * draw01(p.seed, m.tenant_id || ':' || m.subject_id)
    END AS test_draw,
    p.share AS test_share,
    coalesce(v.words, CASE WHEN p.campaign_id IS NOT NULL THEN 'no winner yet' END) AS verdict,
    {% endif %}
    CASE
        WHEN d.tenant_draw < d.tenant_holdout THEN d.tenant_holdout
        ELSE coalesce(nullif(d.own_holdout, 0), d.tenant_holdout)
    END AS holdout,
    CASE
        WHEN d.tenant_draw < d.tenant_holdout THEN d.tenant_draw
        ELSE coalesce(d.own_draw, d.tenant_draw)
    END AS holdout_draw,
    coalesce(
        d.refused,
        CASE WHEN NOT s.late_all AND m.due_at <= $late_before AND m.due_at < d.last_passed THEN 'superseded' END,
        CASE WHEN d.tenant_draw < d.tenant_holdout OR d.own_draw < d.own_holdout THEN 'holdout' END,
        'planned'
    ) AS reason,
    o.reason AS held_by
FROM drawn AS d
INNER JOIN moments AS m ON d.moment_id = m.moment_id
INNER JOIN steps AS s ON m.place = s.place
LEFT JOIN reached AS r ON d.moment_id = r.moment_id
LEFT JOIN forgotten AS f ON m.tenant_id = f.tenant_id AND m.customer_id = f.customer_id
LEFT JOIN held AS o
    ON
        m.occurrence = o.occurrence
        AND m.tenant_id = o.tenant_id
        AND m.step_id = o.step_id
        AND m.subject_id = o.subject_id
        AND m.recipient_id = o.recipient_id
{% if promoting %}
LEFT JOIN promoting AS p ON m.campaign_id = p.campaign_id
LEFT JOIN verdicts AS v
    ON
        m.campaign_id = v.campaign_id
        AND m.tenant_id = v.tenant_id
        AND v.occurrence = CASE WHEN p.by_slot THEN m.occurrence ELSE 0 END
{% endif %}
-- A slot that an earlier tick saw is for those it found.
WHERE s.seen_through IS NULL OR m.due_at > s.seen_through OR o.reason IS NOT NULL
