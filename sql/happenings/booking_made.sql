-- One row per booking, whatever became of it.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    s.booked_at AS at,
    s.destination,
    s.amount,
    s.currency,
    s.status,
    s.departure_on
FROM bookings AS s
