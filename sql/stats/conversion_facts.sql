-- One row per conversion of that UTC day, as the CRM has it now.
SELECT
    CAST($day AS DATE) AS day,
    id AS conversion_id,
    tenant_id,
    customer_id,
    converted_at,
    amount,
    currency,
    cancelled_at,
    updated_at
FROM conversions
WHERE CAST(converted_at AS DATE) = CAST($day AS DATE)
ORDER BY id
