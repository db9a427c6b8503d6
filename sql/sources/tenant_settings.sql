-- One row per setting of one tenant.
SELECT
    id,
    tenant_id,
    tenant_settings.name,
    tenant_settings.value
FROM tenant_settings
