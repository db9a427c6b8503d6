-- One row per moment that is said in the message of another moment, due to the same person at the same time.
WITH ranked AS (
    SELECT
        p.moment_id,
        first_value(p.moment_id) OVER (
            PARTITION BY p.tenant_id, p.step_id, p.address_hash, p.due_at
            ORDER BY p.subject_id, p.occurrence, p.moment_id
        ) AS leader,
        first_value(p.subject_id) OVER (
            PARTITION BY p.tenant_id, p.step_id, p.address_hash, p.due_at
            ORDER BY p.subject_id, p.occurrence, p.moment_id
        ) AS merged_with
    FROM passing AS p
    INNER JOIN policies AS c ON p.campaign_id = c.campaign_id
    WHERE c.digest AND p.address_hash IS NOT NULL
)

SELECT
    r.moment_id,
    'merged' AS reason,
    r.merged_with,
    r.leader,
    true AS an_item
FROM ranked AS r
WHERE r.leader <> r.moment_id
