-- One row per company that is a customer.
SELECT
    id,
    tenant_id,
    name,
    industry,
    size,
    arr,
    currency,
    health_score,
    churn_risk,
    status,
    owner_id,
    csm_id,
    customer_id,
    product_name,
    contract_ends_on,
    next_meeting_at,
    created_at,
    updated_at
FROM accounts
