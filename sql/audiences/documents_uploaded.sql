-- One row per document that was uploaded in the ranges asked for.
SELECT
    d.tenant_id,
    d.id AS subject_id,
    d.id_text AS subject_text,
    d.customer_id,
    b.agent_id,
    d.uploaded_at AS anchor,
    d.kind,
    d.uploaded_at,
    b.reference AS booking_reference,
    b.destination,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    u.name AS agent_name
FROM documents AS d
INNER JOIN ranges AS r ON d.uploaded_at BETWEEN r.lo AND r.hi
LEFT JOIN bookings AS b ON d.booking_id = b.id AND d.tenant_id = b.tenant_id
LEFT JOIN customers AS c ON d.customer_id = c.id AND d.tenant_id = c.tenant_id
LEFT JOIN users AS u ON b.agent_id = u.id AND b.tenant_id = u.tenant_id
WHERE d.uploaded_at <= $as_of
