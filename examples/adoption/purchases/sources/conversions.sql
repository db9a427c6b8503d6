-- One row per conversion: here every purchase is one, numbered within the customer's day as in payments.sql.
-- text ids: id, customer_id
SELECT
    customer_id || '/' || purchased_on || '/' || CAST(
        row_number() OVER (
            PARTITION BY customer_id, purchased_on
            ORDER BY CAST(cds AS INTEGER), CAST(amount_usd AS DECIMAL(12, 2))
        ) AS VARCHAR
    ) AS id,
    1 AS tenant_id,
    customer_id,
    purchased_on || 'T12:00:00Z' AS converted_at,
    CAST(CAST(amount_usd AS DECIMAL(12, 2)) * 100 AS BIGINT) AS amount,
    'USD' AS currency,
    CAST(NULL AS VARCHAR) AS cancelled_at,
    purchased_on || 'T12:00:00Z' AS updated_at
FROM cdnow_purchases
