-- One row per completed trip, at the end of its last day in UTC.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    CAST(s.return_on + 1 AS TIMESTAMPTZ) AS at,
    s.destination,
    s.amount,
    s.currency
FROM bookings AS s
WHERE s.status = 'completed' AND s.return_on IS NOT NULL
