-- One row per review that was submitted in the ranges asked for.
SELECT
    v.tenant_id,
    v.id AS subject_id,
    v.id_text AS subject_text,
    v.customer_id,
    b.agent_id,
    v.submitted_at AS anchor,
    v.rating,
    v.submitted_at,
    b.reference AS booking_reference,
    b.destination,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    u.name AS agent_name
FROM reviews AS v
INNER JOIN ranges AS r ON v.submitted_at BETWEEN r.lo AND r.hi
LEFT JOIN bookings AS b ON v.booking_id = b.id AND v.tenant_id = b.tenant_id
LEFT JOIN customers AS c ON v.customer_id = c.id AND v.tenant_id = c.tenant_id
LEFT JOIN users AS u ON b.agent_id = u.id AND b.tenant_id = u.tenant_id
WHERE v.submitted_at <= $as_of
