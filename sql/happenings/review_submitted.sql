-- One row per review a customer wrote.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    s.submitted_at AS at,
    s.rating
FROM reviews AS s
