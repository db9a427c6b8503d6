-- One row per offer made to a customer.
SELECT
    id,
    tenant_id,
    customer_id,
    agent_id,
    number,
    destination,
    amount,
    currency,
    status,
    created_at,
    sent_at,
    viewed_at,
    expires_at,
    decided_at,
    updated_at
FROM quotes
