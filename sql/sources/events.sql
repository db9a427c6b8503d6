-- One row per typed, dated thing that happened to a customer.
SELECT
    id,
    tenant_id,
    customer_id,
    type,
    events.at,
    detail
FROM events
