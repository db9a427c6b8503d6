-- One row per candidate and person who gets the step; recipient 0 is the subject's own contact, or nobody.
-- Two roles held by one person make one recipient.
WITH teams AS (
    SELECT DISTINCT c.tenant_id, c.agent_id FROM candidates AS c
),

staff AS (
    SELECT t.tenant_id, t.agent_id, 'agent' AS role, a.id AS person
    FROM teams AS t
    INNER JOIN users AS a ON t.agent_id = a.id AND t.tenant_id = a.tenant_id
    WHERE a.active
    UNION ALL
    SELECT t.tenant_id, t.agent_id, 'agent_manager' AS role, m.id AS person
    FROM teams AS t
    INNER JOIN users AS a ON t.agent_id = a.id AND t.tenant_id = a.tenant_id
    INNER JOIN users AS m ON a.manager_id = m.id AND t.tenant_id = m.tenant_id
    WHERE m.active
    UNION ALL
    SELECT t.tenant_id, t.agent_id, 'department_manager' AS role, m.id AS person
    FROM teams AS t
    INNER JOIN users AS a ON t.agent_id = a.id AND t.tenant_id = a.tenant_id
    INNER JOIN users AS m ON t.tenant_id = m.tenant_id AND a.department = m.department
    WHERE m.active AND m.role = 'department_manager'
    UNION ALL
    SELECT t.tenant_id, t.agent_id, 'senior_management' AS role, m.id AS person
    FROM teams AS t
    INNER JOIN users AS m ON t.tenant_id = m.tenant_id
    WHERE m.active AND m.role = 'senior_management'
    UNION ALL
    SELECT t.tenant_id, t.agent_id, 'executives' AS role, m.id AS person
    FROM teams AS t
    INNER JOIN users AS m ON t.tenant_id = m.tenant_id
    WHERE m.active AND m.role = 'executive'
)

SELECT
    c.candidate_id,
    coalesce(p.person, 0) AS recipient_id,
    bool_or(r.role = 'customer') AS is_customer
FROM candidates AS c
INNER JOIN step_roles AS r ON c.place = r.place
LEFT JOIN staff AS p
    ON r.role = p.role AND c.tenant_id = p.tenant_id AND c.agent_id IS NOT DISTINCT FROM p.agent_id
GROUP BY c.candidate_id, coalesce(p.person, 0)
