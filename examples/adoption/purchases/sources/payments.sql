-- One row per purchase. The file has no key: customer, day and a number within them make one.
-- text ids: id, customer_id, booking_id
SELECT
    customer_id || '/' || purchased_on || '/' || CAST(
        row_number() OVER (
            PARTITION BY customer_id, purchased_on
            ORDER BY CAST(cds AS INTEGER), CAST(amount_usd AS DECIMAL(12, 2))
        ) AS VARCHAR
    ) AS id,
    1 AS tenant_id,
    customer_id,
    CAST(NULL AS VARCHAR) AS booking_id,
    CAST(CAST(amount_usd AS DECIMAL(12, 2)) * 100 AS BIGINT) AS amount,
    'USD' AS currency,
    'paid' AS status,
    purchased_on AS due_on,
    purchased_on || 'T12:00:00Z' AS paid_at,
    purchased_on || 'T12:00:00Z' AS updated_at
FROM cdnow_purchases
