-- One row per member of a tenant's staff.
SELECT
    id,
    tenant_id,
    name,
    email,
    phone,
    role,
    department,
    manager_id,
    active
FROM users
