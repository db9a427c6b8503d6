-- One row per pass in the wallet of a customer's phone.
SELECT
    id,
    tenant_id,
    customer_id,
    serial,
    active,
    installed_at,
    updated_at
FROM wallet_passes
