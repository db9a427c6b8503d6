-- One row per person who might become a customer.
SELECT
    id,
    tenant_id,
    customer_id,
    name,
    email,
    origin,
    status,
    created_at
FROM leads
