-- One row per goal agreed with an account.
SELECT
    id,
    tenant_id,
    account_id,
    title,
    status,
    due_on,
    created_at,
    updated_at
FROM goals
