-- One row per payment that arrived and was kept.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    s.paid_at AS at,
    s.amount,
    s.currency
FROM payments AS s
WHERE s.status = 'paid' AND s.paid_at IS NOT NULL
