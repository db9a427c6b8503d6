-- One row per person to write to at an account.
SELECT
    id,
    tenant_id,
    account_id,
    name,
    first_name,
    email,
    phone,
    role,
    locale,
    time_zone,
    email_opt_out,
    active
FROM contacts
