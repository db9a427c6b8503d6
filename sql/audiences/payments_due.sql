-- One row per payment that has not arrived, for those due on a day of the ranges asked for.
SELECT
    p.tenant_id,
    p.id AS subject_id,
    p.id_text AS subject_text,
    p.customer_id,
    b.agent_id,
    p.due_on AS anchor,
    p.amount,
    p.currency,
    p.due_on,
    b.reference AS booking_reference,
    b.destination,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    u.name AS agent_name
FROM payments AS p
INNER JOIN ranges AS r ON p.due_on BETWEEN r.lo AND r.hi
LEFT JOIN bookings AS b ON p.booking_id = b.id AND p.tenant_id = b.tenant_id
LEFT JOIN customers AS c ON p.customer_id = c.id AND p.tenant_id = c.tenant_id
LEFT JOIN users AS u ON b.agent_id = u.id AND b.tenant_id = u.tenant_id
WHERE p.status = 'due'
