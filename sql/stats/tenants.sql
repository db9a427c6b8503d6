-- One row per tenant as the latest tick saw it: names for the numbers.
SELECT
    tenant_id,
    profile ->> '$.name' AS name,
    profile ->> '$.time_zone' AS time_zone,
    profile ->> '$.currency' AS currency
FROM profiles
ORDER BY tenant_id
