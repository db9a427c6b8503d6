-- No rows: the file knows purchases only.
SELECT
    CAST(NULL AS BIGINT) AS id,
    CAST(NULL AS BIGINT) AS tenant_id,
    CAST(NULL AS BIGINT) AS customer_id,
    CAST(NULL AS VARCHAR) AS type,
    CAST(NULL AS TIMESTAMP) AS "at",
    CAST(NULL AS VARCHAR) AS detail
WHERE 1 = 0
