-- One row per quote a customer accepted.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    s.decided_at AS at,
    s.destination,
    s.amount,
    s.currency
FROM quotes AS s
WHERE s.status = 'accepted' AND s.decided_at IS NOT NULL
