-- One row per customer of one tenant.
SELECT
    id,
    tenant_id,
    name,
    first_name,
    email,
    phone,
    locale,
    time_zone,
    country,
    segment,
    status,
    birthday,
    lifetime_value,
    email_opt_out,
    created_at,
    last_activity_at,
    agent_id,
    updated_at
FROM customers
