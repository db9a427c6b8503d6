-- One row per lead that was added in the ranges asked for.
SELECT
    l.tenant_id,
    l.id AS subject_id,
    l.id_text AS subject_text,
    c.id AS customer_id,
    CAST(NULL AS BIGINT) AS agent_id,
    l.created_at AS anchor,
    l.name AS lead_name,
    l.email AS lead_email,
    l.origin,
    l.status AS lead_status,
    l.created_at,
    c.name AS customer_name,
    c.first_name,
    c.company_name
FROM leads AS l
INNER JOIN ranges AS r ON l.created_at BETWEEN r.lo AND r.hi
LEFT JOIN customers AS c ON l.customer_id = c.id AND l.tenant_id = c.tenant_id
WHERE l.created_at <= $as_of
