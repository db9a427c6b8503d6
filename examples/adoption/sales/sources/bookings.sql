-- No rows: what was won is an accepted quote here.
SELECT
    CAST(NULL AS BIGINT) AS id,
    CAST(NULL AS BIGINT) AS tenant_id,
    CAST(NULL AS BIGINT) AS customer_id,
    CAST(NULL AS BIGINT) AS agent_id,
    CAST(NULL AS BIGINT) AS quote_id,
    CAST(NULL AS VARCHAR) AS reference,
    CAST(NULL AS VARCHAR) AS destination,
    CAST(NULL AS BIGINT) AS amount,
    CAST(NULL AS VARCHAR) AS currency,
    CAST(NULL AS VARCHAR) AS status,
    CAST(NULL AS TIMESTAMP) AS booked_at,
    CAST(NULL AS DATE) AS departure_on,
    CAST(NULL AS DATE) AS return_on,
    CAST(NULL AS TIMESTAMP) AS updated_at
WHERE 1 = 0
