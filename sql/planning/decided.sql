-- One row per moment: the decision with the values its gates saw. The first gate that applies decides.
-- Gates that look across subjects come later, over all of these.
WITH seen AS (
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
        s.purpose,
        s.topic,
        s.action,
        s.lane,
        s.late_all,
        s.version AS campaign_version,
        m.variant,
        s.priority,
        m.due_at,
        m.expires_at,
        m.nominal_at,
        m.day,
        m.zone,
        m.window_zone,
        m.repeat_minutes,
        m.upcoming,
        greatest(m.due_at, CAST($as_of AS TIMESTAMPTZ)) AS judged_at,
        s.paused,
        s.seen_through,
        coalesce(m.due_at >= s.valid_from, true) AND coalesce(m.due_at <= s.valid_until, true) AS valid,
        t.active AS tenant_active,
        m.hand_paused,
        m.stopped,
        m.waiting,
        m.waiting_for,
        m.ended,
        m.when_holds,
        m.exit_holds,
        CASE WHEN s.action THEN 'not needed' ELSE coalesce(r.reach, 'missing') END AS reach,
        r.suppressed_by,
        c.holdout AS own_holdout,
        CASE WHEN s.purpose = 'marketing' THEN g.holdout END AS tenant_holdout
    FROM moments AS m
    INNER JOIN steps AS s ON m.place = s.place
    INNER JOIN policies AS c ON m.campaign_id = c.campaign_id
    INNER JOIN tenants AS t ON m.tenant_id = t.id
    LEFT JOIN settings AS g ON m.tenant_id = g.tenant_id
    LEFT JOIN reached AS r ON m.moment_id = r.moment_id
),

-- What another tool had sent counts as this step where it went out no earlier than a day before it was due here.
taken_over AS (
    SELECT
        h.moment_id,
        max(p.sent_at) AS sent_before
    FROM seen AS h
    INNER JOIN past_sends AS p
        ON
            h.step_id = p.step_id
            AND h.tenant_id = p.tenant_id
            AND h.subject_id = p.subject_id
            AND (h.occurrence = 0 OR p.sent_at >= plus_minutes(h.nominal_at, -1440))
    GROUP BY h.moment_id
),

repeated AS (
    SELECT
        h.moment_id,
        max(r.due_at) AS planned_before
    FROM seen AS h
    INNER JOIN recent AS r
        ON
            h.step_id = r.step_id
            AND h.tenant_id = r.tenant_id
            AND h.subject_id = r.subject_id
            AND r.due_at <= h.due_at
            -- Between dated moments calendar days count: a day of 23 hours is a day.
            AND CASE
                WHEN h.day IS NULL THEN r.due_at > plus_minutes(h.due_at, -h.repeat_minutes)
                ELSE
                    1440 * date_diff('day', local_date(r.due_at, h.zone), local_date(h.due_at, h.zone))
                    < h.repeat_minutes
            END
    GROUP BY h.moment_id
),

gated AS (
    SELECT
        h.*,
        coalesce(r.planned_before, k.sent_before) AS planned_before,
        CASE
            WHEN h.judged_at > h.expires_at THEN 'stale'
            WHEN h.paused OR NOT h.tenant_active OR NOT h.valid OR h.stopped OR h.hand_paused THEN 'inactive'
            WHEN h.waiting THEN 'waiting'
            WHEN h.ended OR h.exit_holds OR NOT h.when_holds THEN 'condition'
            WHEN h.reach IN ('missing', 'unusable') THEN 'no_recipient'
            WHEN h.suppressed_by IS NOT NULL THEN 'suppressed'
            WHEN r.planned_before IS NOT NULL OR k.sent_before IS NOT NULL THEN 'duplicate'
        END AS refused
    FROM seen AS h
    LEFT JOIN repeated AS r ON h.moment_id = r.moment_id
    LEFT JOIN taken_over AS k ON h.moment_id = k.moment_id
),

-- Of several steps passed meanwhile the last one goes. What is not yet late by a whole tick always goes.
ranked AS (
    SELECT
        g.*,
        max(CASE WHEN g.refused IS NULL AND g.due_at <= $as_of THEN g.due_at END)
            OVER (PARTITION BY g.tenant_id, g.campaign_id, g.subject_id, g.occurrence, g.lane) AS last_passed
    FROM gated AS g
),

-- Who is held out of a campaign is drawn by subject, who is held out of all marketing by customer.
drawn AS (
    SELECT
        r.*,
        CASE
            WHEN r.own_holdout > 0
                THEN
                    100 * draw01(
                        'holdout:' || r.campaign,
                        CAST(r.tenant_id AS VARCHAR) || ':' || CAST(r.subject_id AS VARCHAR)
                    )
        END AS own_draw,
        CASE
            WHEN r.tenant_holdout > 0
                THEN
                    100 * draw01(
                        'holdout',
                        CAST(r.tenant_id AS VARCHAR) || ':'
                        || CAST(coalesce(r.customer_id, r.subject_id) AS VARCHAR)
                    )
        END AS tenant_draw
    FROM ranked AS r
)

SELECT
    d.moment_id,
    d.audience,
    d.row_id,
    d.occurrence,
    d.tenant_id,
    d.campaign_id,
    d.campaign,
    d.step_id,
    d.step,
    d.place,
    d.subject_id,
    d.subject_text,
    d.recipient_id,
    d.recipient_kind,
    d.person_id,
    d.person_zone,
    d.customer_id,
    d.agent_id,
    d.account_id,
    d.channel,
    d.address,
    d.address_hash,
    d.purpose,
    d.topic,
    d.campaign_version,
    d.variant,
    d.priority,
    d.due_at,
    d.expires_at,
    d.upcoming,
    d.window_zone,
    d.nominal_at,
    d.zone,
    d.judged_at,
    d.paused,
    d.valid,
    d.tenant_active,
    d.hand_paused,
    d.stopped,
    d.waiting_for,
    d.ended,
    d.when_holds,
    d.exit_holds,
    d.reach,
    d.suppressed_by,
    d.planned_before,
    d.last_passed,
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
        CASE WHEN NOT d.late_all AND d.due_at <= $late_before AND d.due_at < d.last_passed THEN 'superseded' END,
        CASE WHEN d.tenant_draw < d.tenant_holdout OR d.own_draw < d.own_holdout THEN 'holdout' END,
        'planned'
    ) AS reason,
    o.reason AS held_by
FROM drawn AS d
LEFT JOIN held AS o
    ON
        d.occurrence = o.occurrence
        AND d.tenant_id = o.tenant_id
        AND d.step_id = o.step_id
        AND d.subject_id = o.subject_id
        AND d.recipient_id = o.recipient_id
-- A slot that an earlier tick saw is for those it found.
WHERE d.seen_through IS NULL OR d.due_at > d.seen_through OR o.reason IS NOT NULL
