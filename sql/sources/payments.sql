-- One row per payment due or made.
SELECT
    id,
    tenant_id,
    customer_id,
    booking_id,
    amount,
    currency,
    status,
    due_on,
    paid_at,
    updated_at
FROM payments
