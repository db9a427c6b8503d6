-- One row per meeting, call or other contact with an account.
SELECT
    id,
    tenant_id,
    account_id,
    customer_id,
    user_id,
    type,
    status,
    outcome,
    engagements.at,
    updated_at
FROM engagements
