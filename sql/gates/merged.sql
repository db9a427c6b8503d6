-- One row per moment whose message reaches its address under another record of the same person that day.
WITH marketing AS (
    SELECT
        p.*,
        local_date(p.due_at, p.person_zone) AS local_day
    FROM passing AS p
    INNER JOIN policies AS c ON p.campaign_id = c.campaign_id
    WHERE
        c.one_per_address AND c.about_customers
        AND p.purpose = 'marketing' AND p.recipient_kind = 'customer' AND p.address_hash IS NOT NULL
),

told AS (
    SELECT
        m.moment_id,
        min(b.subject_id) AS subject_id
    FROM marketing AS m
    INNER JOIN told_before AS b
        ON
            m.tenant_id = b.tenant_id
            AND m.step_id = b.step_id
            AND m.address_hash = b.address_hash
            AND m.subject_id <> b.subject_id
            AND m.local_day = local_date(b.due_at, m.person_zone)
    GROUP BY m.moment_id
),

ranked AS (
    SELECT
        m.*,
        t.subject_id AS told,
        first_value(m.moment_id) OVER (
            PARTITION BY m.tenant_id, m.step_id, m.address_hash, m.local_day
            ORDER BY m.upcoming, m.subject_id, m.moment_id
        ) AS leader,
        first_value(m.subject_id) OVER (
            PARTITION BY m.tenant_id, m.step_id, m.address_hash, m.local_day
            ORDER BY m.upcoming, m.subject_id, m.moment_id
        ) AS leading_subject
    FROM marketing AS m
    LEFT JOIN told AS t ON m.moment_id = t.moment_id
)

SELECT
    r.moment_id,
    'merged' AS reason,
    coalesce(r.told, r.leading_subject) AS merged_with,
    CASE WHEN r.told IS NULL THEN r.leader END AS leader
FROM ranked AS r
WHERE r.told IS NOT NULL OR r.leading_subject <> r.subject_id
