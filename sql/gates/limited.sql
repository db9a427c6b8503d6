-- One row per moment for which no execution is left: the earliest take the places, then the lowest subjects.
WITH ranked AS (
    SELECT
        p.moment_id,
        c.max_executions,
        coalesce(e.executed, 0) + row_number() OVER (
            PARTITION BY p.tenant_id, p.campaign_id
            ORDER BY p.due_at, p.subject_id, p.occurrence, p.step_id, p.recipient_id
        ) AS place
    FROM passing AS p
    INNER JOIN policies AS c ON p.campaign_id = c.campaign_id
    LEFT JOIN executed AS e ON p.campaign_id = e.campaign_id AND p.tenant_id = e.tenant_id
    WHERE c.max_executions IS NOT NULL
)

SELECT
    r.moment_id,
    'limited' AS reason,
    CAST(r.max_executions AS VARCHAR) || ' executions' AS limited_by
FROM ranked AS r
WHERE r.place > r.max_executions
