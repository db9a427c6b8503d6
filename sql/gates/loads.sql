-- One row per member of staff with open queries: those the CRM shows, and those given but not visible there yet.
SELECT
    n.tenant_id,
    n.user_id,
    count(*) AS load
FROM (
    SELECT q.tenant_id, q.agent_id AS user_id
    FROM queries AS q
    WHERE q.status IN ('open', 'in_progress') AND q.agent_id IS NOT NULL
    UNION ALL
    SELECT g.tenant_id, g.assignee_id AS user_id
    FROM given AS g
    INNER JOIN queries AS q ON g.tenant_id = q.tenant_id AND g.subject_id = q.id
    WHERE q.status IN ('open', 'in_progress') AND q.agent_id IS NULL
) AS n
GROUP BY n.tenant_id, n.user_id
