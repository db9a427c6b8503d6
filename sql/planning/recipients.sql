-- One row per candidate and recipient of its step, whatever roles name them; two roles of one person are one.
-- Recipient 0 is the subject's own customer, the step itself where it is no message, or nobody at all.
WITH asked AS (
    SELECT
        c.candidate_id,
        c.tenant_id,
        c.customer_id,
        c.agent_id,
        c.account_id,
        r.role
    FROM entered AS c
    INNER JOIN step_roles AS r ON c.place = r.place AND coalesce(r.tenant_id, c.tenant_id) = c.tenant_id
),

{% if staff %}
agents AS (
    SELECT DISTINCT a.tenant_id, a.agent_id FROM asked AS a
),

in_charge AS (
    SELECT g.tenant_id, g.agent_id, u.id, u.active, u.manager_id, u.department
    FROM agents AS g
    INNER JOIN users AS u ON g.agent_id = u.id AND g.tenant_id = u.tenant_id
),

-- Who holds a role for an agent, of the staff.
staff AS (
    SELECT i.tenant_id, i.agent_id, 'agent' AS role, i.id AS person_id
    FROM in_charge AS i
    WHERE i.active
    UNION ALL
    SELECT i.tenant_id, i.agent_id, 'agent_manager' AS role, m.id AS person_id
    FROM in_charge AS i
    INNER JOIN users AS m ON i.manager_id = m.id AND i.tenant_id = m.tenant_id
    WHERE m.active
    UNION ALL
    SELECT
        i.tenant_id,
        i.agent_id,
        CASE WHEN n.place = 1 THEN 'team' ELSE 'department_manager' END AS role,
        m.id AS person_id
    FROM in_charge AS i
    INNER JOIN users AS m ON i.tenant_id = m.tenant_id AND i.department = m.department
    CROSS JOIN (SELECT 1 AS place UNION ALL SELECT 2 AS place) AS n
    WHERE m.active AND (n.place = 1 OR m.role = 'department_manager')
    UNION ALL
    SELECT g.tenant_id, g.agent_id, l.role, m.id AS person_id
    FROM agents AS g
    INNER JOIN users AS m ON g.tenant_id = m.tenant_id
    INNER JOIN (
        SELECT 'senior_management' AS role, 'senior_management' AS level
        UNION ALL
        SELECT 'executives' AS role, 'executive' AS level
    ) AS l ON m.role = l.level
    WHERE m.active
),

{% endif %}
{% if keepers %}
-- Who holds a role for an account, of the staff.
keepers AS (
    SELECT a.tenant_id, a.id AS account_id, 'account_owner' AS role, u.id AS person_id
    FROM accounts AS a
    INNER JOIN users AS u ON a.owner_id = u.id AND a.tenant_id = u.tenant_id
    WHERE u.active
    UNION ALL
    SELECT a.tenant_id, a.id AS account_id, 'success_manager' AS role, u.id AS person_id
    FROM accounts AS a
    INNER JOIN users AS u ON a.csm_id = u.id AND a.tenant_id = u.tenant_id
    WHERE u.active
),

{% endif %}
reached AS (
    SELECT
        a.candidate_id,
        CAST(0 AS BIGINT) AS recipient_id,
        'subject' AS recipient_kind,
        CAST(NULL AS BIGINT) AS person_id
    FROM asked AS a
    WHERE a.role = 'subject'
    UNION ALL
    SELECT
        a.candidate_id,
        CAST(0 AS BIGINT) AS recipient_id,
        'customer' AS recipient_kind,
        coalesce(s.survivor_id, a.customer_id) AS person_id
    FROM asked AS a
    LEFT JOIN survivors AS s ON a.customer_id = s.id AND a.tenant_id = s.tenant_id
    WHERE a.role = 'customer' AND a.customer_id IS NOT NULL
    {% if staff %}
    UNION ALL
    SELECT a.candidate_id, p.person_id AS recipient_id, 'user' AS recipient_kind, p.person_id
    FROM asked AS a
    INNER JOIN staff AS p
        ON a.role = p.role AND a.tenant_id = p.tenant_id AND a.agent_id IS NOT DISTINCT FROM p.agent_id
    {% endif %}
    {% if keepers %}
    UNION ALL
    SELECT a.candidate_id, p.person_id AS recipient_id, 'user' AS recipient_kind, p.person_id
    FROM asked AS a
    INNER JOIN keepers AS p ON a.role = p.role AND a.tenant_id = p.tenant_id AND a.account_id = p.account_id
    {% endif %}
    {% if contacts %}
    UNION ALL
    SELECT
        a.candidate_id,
        hash63('contacts:' || p.id) AS recipient_id,
        'contact' AS recipient_kind,
        p.id AS person_id
    FROM asked AS a
    INNER JOIN contacts AS p ON a.tenant_id = p.tenant_id AND a.account_id = p.account_id
    WHERE a.role = 'contacts' AND p.active
    {% endif %}
    {% if fixed %}
    UNION ALL
    SELECT c.candidate_id, f.recipient_id, 'fixed' AS recipient_kind, f.recipient_id AS person_id
    FROM entered AS c
    INNER JOIN fixed_addresses AS f ON c.place = f.place
    {% endif %}
)

SELECT
    c.candidate_id,
    coalesce(r.recipient_id, 0) AS recipient_id,
    coalesce(min(r.recipient_kind), 'none') AS recipient_kind,
    min(r.person_id) AS person_id
FROM entered AS c
LEFT JOIN reached AS r ON c.candidate_id = r.candidate_id
GROUP BY c.candidate_id, coalesce(r.recipient_id, 0)
