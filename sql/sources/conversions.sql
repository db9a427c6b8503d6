-- One row per conversion: a booking, which counts from its confirmation until it is cancelled.
SELECT
    id,
    tenant_id,
    customer_id,
    booked_at AS converted_at,
    amount,
    currency,
    CASE WHEN status = 'cancelled' THEN coalesce(updated_at, booked_at) END AS cancelled_at,
    updated_at
FROM bookings
