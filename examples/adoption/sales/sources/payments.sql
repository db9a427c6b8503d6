-- No rows: the sales file knows no payments.
SELECT
    CAST(NULL AS BIGINT) AS id,
    CAST(NULL AS BIGINT) AS tenant_id,
    CAST(NULL AS BIGINT) AS customer_id,
    CAST(NULL AS BIGINT) AS booking_id,
    CAST(NULL AS BIGINT) AS amount,
    CAST(NULL AS VARCHAR) AS currency,
    CAST(NULL AS VARCHAR) AS status,
    CAST(NULL AS DATE) AS due_on,
    CAST(NULL AS TIMESTAMP) AS paid_at,
    CAST(NULL AS TIMESTAMP) AS updated_at
WHERE 1 = 0
