-- One row per last use, renewal or installation of a pass in a customer's phone.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    coalesce(s.updated_at, s.installed_at) AS at,
    s.active
FROM wallet_passes AS s
