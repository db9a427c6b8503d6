-- One row per moment: the decision with the values its gates saw. The first gate that applies decides.
WITH addressed AS (
    SELECT
        m.*,
        s.purpose,
        s.channel,
        s.topic,
        s.action,
        greatest(m.due_at, CAST($as_of AS TIMESTAMPTZ)) AS judged_at,
        s.paused,
        s.valid_from,
        s.valid_until,
        CASE WHEN NOT s.action AND plausible_email(trim(m.raw_address)) THEN trim(m.raw_address) END AS address
    FROM moments AS m
    INNER JOIN steps AS s ON m.place = s.place
),

hashed AS (
    SELECT
        a.*,
        sha256($salt || ':' || a.channel || ':' || normal_email(a.address)) AS address_hash
    FROM addressed AS a
),

suppressed AS (
    SELECT
        h.moment_id,
        min(x.reason) AS suppressed_by
    FROM hashed AS h
    INNER JOIN suppressions AS x
        ON
            h.tenant_id = x.tenant_id
            AND h.channel = x.channel
            AND h.address_hash = x.address_hash
            AND x.topic IN ('', h.topic)
            AND (h.purpose = 'marketing' OR x.reason IN ('bounced', 'manual'))
    GROUP BY h.moment_id
),

repeated AS (
    SELECT
        h.moment_id,
        max(r.due_at) AS repeats
    FROM hashed AS h
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
        p.suppressed_by,
        r.repeats,
        CASE
            WHEN h.judged_at > h.expires_at THEN 'stale'
            WHEN
                h.paused OR NOT h.tenant_active OR h.due_at < h.valid_from OR h.due_at > h.valid_until
                THEN 'inactive'
            WHEN NOT h.when_holds THEN 'condition'
            WHEN NOT h.action AND h.address IS NULL THEN 'no_recipient'
            WHEN (h.opted_out AND h.purpose = 'marketing') OR p.suppressed_by IS NOT NULL THEN 'suppressed'
            WHEN r.repeats IS NOT NULL THEN 'duplicate'
        END AS refused
    FROM hashed AS h
    LEFT JOIN suppressed AS p ON h.moment_id = p.moment_id
    LEFT JOIN repeated AS r ON h.moment_id = r.moment_id
),

-- Of several steps passed meanwhile the last one goes. What is not yet late by a whole tick always goes.
ranked AS (
    SELECT
        g.*,
        max(CASE WHEN g.refused IS NULL AND g.due_at <= $as_of THEN g.due_at END)
            OVER (PARTITION BY g.tenant_id, g.campaign_id, g.subject_id, g.occurrence, g.lane) AS last_passed
    FROM gated AS g
)

SELECT
    r.moment_id,
    r.audience,
    r.row_id,
    r.occurrence,
    r.tenant_id,
    r.campaign_id,
    s.campaign,
    r.step_id,
    s.step,
    r.subject_id,
    r.subject_text,
    r.recipient_id,
    r.channel,
    r.purpose,
    s.version AS campaign_version,
    r.variant,
    s.priority,
    r.due_at,
    r.expires_at,
    r.customer_id,
    r.address,
    r.address_hash,
    r.recipient_name,
    r.recipient_first_name,
    r.window_zone,
    coalesce(
        r.refused,
        CASE WHEN NOT s.late_all AND r.due_at <= $late_before AND r.due_at < r.last_passed THEN 'superseded' END,
        'planned'
    ) AS reason,
    o.reason AS held_by,
    r.nominal_at,
    r.zone,
    r.judged_at,
    r.paused,
    coalesce(r.due_at >= r.valid_from, true) AND coalesce(r.due_at <= r.valid_until, true) AS valid,
    r.tenant_active,
    r.when_holds,
    CASE
        WHEN r.action THEN 'not needed'
        WHEN r.address IS NOT NULL THEN 'usable'
        WHEN coalesce(trim(r.raw_address), '') = '' THEN 'missing'
        ELSE 'unusable'
    END AS reach,
    coalesce(r.suppressed_by, CASE WHEN r.opted_out THEN 'opt_out' END) AS suppressed_by,
    r.repeats AS planned_before,
    r.last_passed
FROM ranked AS r
INNER JOIN steps AS s ON r.place = s.place
LEFT JOIN held AS o
    ON
        r.occurrence = o.occurrence
        AND r.tenant_id = o.tenant_id
        AND r.step_id = o.step_id
        AND r.subject_id = o.subject_id
        AND r.recipient_id = o.recipient_id
