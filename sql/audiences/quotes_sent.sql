-- One row per quote that was sent in the ranges asked for, whatever became of it.
SELECT
    q.tenant_id,
    q.id AS subject_id,
    q.id_text AS subject_text,
    q.customer_id,
    q.agent_id,
    q.sent_at AS anchor,
    q.number,
    q.destination,
    q.amount,
    q.currency,
    q.status,
    q.sent_at,
    q.viewed_at,
    q.expires_at,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    u.name AS agent_name
FROM quotes AS q
INNER JOIN ranges AS r ON q.sent_at BETWEEN r.lo AND r.hi
LEFT JOIN customers AS c ON q.customer_id = c.id AND q.tenant_id = c.tenant_id
LEFT JOIN users AS u ON q.agent_id = u.id AND q.tenant_id = u.tenant_id
WHERE q.status <> 'draft' AND q.sent_at <= $as_of
