-- One row per quote a customer has looked at, the first time.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    s.viewed_at AS at,
    s.destination,
    s.amount,
    s.currency,
    s.status
FROM quotes AS s
WHERE s.viewed_at IS NOT NULL
