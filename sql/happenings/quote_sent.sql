-- One row per quote sent to a customer.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    s.sent_at AS at,
    s.destination,
    s.amount,
    s.currency,
    s.status
FROM quotes AS s
WHERE s.sent_at IS NOT NULL
