-- One row per review a customer wrote.
SELECT
    id,
    tenant_id,
    customer_id,
    booking_id,
    rating,
    submitted_at
FROM reviews
