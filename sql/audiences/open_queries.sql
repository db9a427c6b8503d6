-- One row per unresolved enquiry whose deadline lies in the ranges asked for.
SELECT
    q.tenant_id,
    q.id AS subject_id,
    q.id_text AS subject_text,
    q.customer_id,
    q.agent_id,
    q.sla_due_at AS anchor,
    q.title,
    q.destination,
    q.priority,
    q.status,
    q.escalation_level,
    q.created_at,
    q.sla_due_at,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    u.name AS agent_name
FROM queries AS q
INNER JOIN ranges AS r ON q.sla_due_at BETWEEN r.lo AND r.hi
LEFT JOIN customers AS c ON q.customer_id = c.id AND q.tenant_id = c.tenant_id
LEFT JOIN users AS u ON q.agent_id = u.id AND q.tenant_id = u.tenant_id
WHERE q.status IN ('open', 'in_progress') AND q.created_at <= $as_of
