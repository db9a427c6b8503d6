-- One row per booked trip.
SELECT
    id,
    tenant_id,
    customer_id,
    agent_id,
    quote_id,
    reference,
    destination,
    amount,
    currency,
    status,
    booked_at,
    departure_on,
    return_on,
    updated_at
FROM bookings
