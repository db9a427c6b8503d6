-- One row per subject and occurrence of a campaign of several steps, entered in 180 days or not over: how far it is.
WITH programmes AS (
    SELECT
        campaign,
        max(campaign_state) AS campaign_state,
        bool_or(anchored) AS anchored,
        bool_or(by_hand) AS by_hand,
        max(zone) AS zone,
        max(timeline_days) AS timeline_days,
        max(last_day) AS last_day,
        max(steps) AS steps
    FROM declared_steps
    GROUP BY campaign
    HAVING max(steps) > 1 OR max(timeline_days) IS NOT NULL
),

declared AS (
    SELECT DISTINCT
        campaign,
        own
    FROM declared_steps
),

messages AS (
    SELECT
        f.*,
        coalesce(d.own, f.step) AS own,
        plus_minutes(f.due_at, -1440 * d.days) AS entered_at,
        CASE
            WHEN f.state = 'completed' THEN 4
            WHEN f.state IN ('pending', 'processing') THEN 3
            WHEN f.state IN ('dead', 'unknown') THEN 2
            ELSE 1
        END AS fate
    FROM message_facts AS f
    INNER JOIN programmes AS p ON f.campaign = p.campaign
    LEFT JOIN declared_steps AS d ON f.campaign = d.campaign AND f.step = d.step
    -- Who entered half a year ago, or a year before that and is still on the way.
    WHERE f.day > CAST(plus_minutes($as_of, -545 * 1440) AS DATE)
),

-- A step of several channels or recipients is one step: sent once one of them was.
by_step AS (
    SELECT
        tenant_id,
        campaign,
        subject_id,
        occurrence,
        own,
        max(fate) AS fate,
        max(customer_id) AS customer_id,
        max(variant) AS variant,
        min(coalesce(entered_at, due_at)) AS entered_at,
        min(due_at) AS first_at,
        max(due_at) AS due_at,
        max(coalesce(finished_at, due_at)) AS last_at,
        min(CASE WHEN reason = 'holdout' THEN 1 ELSE 0 END) AS held_out
    FROM messages
    GROUP BY tenant_id, campaign, subject_id, occurrence, own
),

placed AS (
    SELECT
        s.*,
        d.own AS declared,
        row_number() OVER (
            PARTITION BY s.tenant_id, s.campaign, s.subject_id, s.occurrence
            ORDER BY s.due_at DESC, s.own DESC
        ) AS backwards
    FROM by_step AS s
    LEFT JOIN declared AS d ON s.campaign = d.campaign AND s.own = d.own
),

counted AS (
    SELECT
        tenant_id,
        campaign,
        subject_id,
        occurrence,
        max(customer_id) AS customer_id,
        max(variant) AS variant,
        min(held_out) AS held_out,
        count(*) AS settled,
        count(declared) AS declared,
        sum(CASE WHEN fate = 4 THEN 1 ELSE 0 END) AS sent,
        sum(CASE WHEN fate = 3 THEN 1 ELSE 0 END) AS pending,
        sum(CASE WHEN fate = 2 THEN 1 ELSE 0 END) AS failed,
        sum(CASE WHEN fate = 1 THEN 1 ELSE 0 END) AS skipped,
        max(CASE WHEN backwards = 1 THEN own END) AS last_step,
        max(last_at) AS last_at,
        min(entered_at) AS entered_at,
        min(first_at) AS first_at
    FROM placed
    GROUP BY tenant_id, campaign, subject_id, occurrence
),

runs AS (
    SELECT
        c.tenant_id,
        c.campaign,
        c.subject_id,
        c.occurrence,
        c.customer_id,
        c.variant,
        c.held_out,
        c.settled,
        c.declared,
        c.sent,
        c.pending,
        c.failed,
        c.skipped,
        c.last_step,
        c.last_at,
        c.first_at,
        p.campaign_state,
        p.by_hand,
        p.timeline_days,
        p.last_day,
        p.steps,
        coalesce(p.zone, t.profile ->> '$.time_zone', 'UTC') AS zone,
        -- Occurrence 0 says nothing of the time: then the first step does.
        CASE
            WHEN p.anchored AND c.occurrence <> 0
                THEN plus_minutes(CAST('1970-01-01T00:00:00+00:00' AS TIMESTAMPTZ), c.occurrence)
            ELSE c.entered_at
        END AS entered_at
    FROM counted AS c
    INNER JOIN programmes AS p ON c.campaign = p.campaign
    LEFT JOIN profiles AS t ON c.tenant_id = t.tenant_id
),

ordered AS (
    SELECT
        r.tenant_id,
        r.campaign,
        r.subject_id,
        r.occurrence,
        max(CASE WHEN o.kind = 'stop' AND r.entered_at <= o.at AND (r.by_hand OR NOT o.lifted) THEN o.at END)
            AS stopped_at,
        max(CASE WHEN o.kind = 'pause' AND o.until IS NULL THEN o.at END) AS paused_since,
        sum(
            CASE WHEN o.kind = 'pause' AND coalesce(o.until, $as_of) > r.entered_at THEN
                date_diff(
                    'day',
                    local_date(greatest(o.at, r.entered_at), r.zone),
                    local_date(coalesce(o.until, $as_of), r.zone)
                )
            END
        ) AS paused_days
    FROM runs AS r
    INNER JOIN subject_orders AS o
        ON r.campaign = o.campaign AND r.tenant_id = o.tenant_id AND r.subject_id = o.subject_id
    GROUP BY r.tenant_id, r.campaign, r.subject_id, r.occurrence
),

dated AS (
    SELECT
        r.*,
        o.stopped_at,
        o.paused_since,
        local_date(r.entered_at, r.zone) AS entered_on,
        1 + date_diff('day', local_date(r.entered_at, r.zone), local_date(coalesce(o.stopped_at, $as_of), r.zone))
        - coalesce(o.paused_days, 0) AS day_of_run
    FROM runs AS r
    LEFT JOIN ordered AS o
        ON
            r.tenant_id = o.tenant_id
            AND r.campaign = o.campaign
            AND r.subject_id = o.subject_id
            AND r.occurrence = o.occurrence
),

standing AS (
    SELECT
        *,
        CASE
            WHEN stopped_at IS NOT NULL THEN 'stopped'
            WHEN pending = 0 AND (declared >= steps OR day_of_run > timeline_days) THEN 'finished'
            WHEN campaign_state NOT IN ('running', 'paused') THEN 'ended'
            WHEN paused_since IS NOT NULL OR campaign_state = 'paused' THEN 'paused'
            -- Three days late nothing is sent any more: the rest was not for them.
            WHEN pending = 0 AND timeline_days IS NULL AND day_of_run > last_day + 4 THEN 'ended'
            ELSE 'running'
        END AS state
    FROM dated
)

SELECT
    tenant_id,
    campaign,
    subject_id,
    occurrence,
    customer_id,
    variant,
    entered_at,
    entered_on,
    state,
    held_out = 1 AS held_out,
    steps,
    settled AS steps_settled,
    sent AS steps_sent,
    pending AS steps_pending,
    failed AS steps_failed,
    skipped AS steps_skipped,
    last_step,
    last_at,
    timeline_days,
    CASE WHEN timeline_days IS NOT NULL THEN least(greatest(day_of_run, 1), timeline_days) END AS timeline_day
FROM standing
WHERE first_at > plus_minutes($as_of, -180 * 1440) OR state IN ('running', 'paused')
ORDER BY tenant_id, campaign, subject_id, occurrence
