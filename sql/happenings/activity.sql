-- One row per typed event of the CRM's own.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    s.at,
    s.type
FROM events AS s
