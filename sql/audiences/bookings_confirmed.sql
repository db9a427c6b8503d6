-- One row per booking that was made in the ranges asked for and not cancelled.
SELECT
    b.tenant_id,
    b.id AS subject_id,
    b.id_text AS subject_text,
    b.customer_id,
    b.agent_id,
    b.booked_at AS anchor,
    b.reference,
    b.destination,
    b.amount,
    b.currency,
    b.status,
    b.booked_at,
    b.departure_on,
    b.return_on,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    u.name AS agent_name
FROM bookings AS b
INNER JOIN ranges AS r ON b.booked_at BETWEEN r.lo AND r.hi
LEFT JOIN customers AS c ON b.customer_id = c.id AND b.tenant_id = c.tenant_id
LEFT JOIN users AS u ON b.agent_id = u.id AND b.tenant_id = u.tenant_id
WHERE b.status IN ('confirmed', 'completed') AND b.booked_at <= $as_of
