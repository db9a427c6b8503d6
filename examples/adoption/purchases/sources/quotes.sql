-- No rows: nothing is offered in writing.
SELECT
    CAST(NULL AS BIGINT) AS id,
    CAST(NULL AS BIGINT) AS tenant_id,
    CAST(NULL AS BIGINT) AS customer_id,
    CAST(NULL AS BIGINT) AS agent_id,
    CAST(NULL AS VARCHAR) AS number,
    CAST(NULL AS VARCHAR) AS destination,
    CAST(NULL AS BIGINT) AS amount,
    CAST(NULL AS VARCHAR) AS currency,
    CAST(NULL AS VARCHAR) AS status,
    CAST(NULL AS TIMESTAMP) AS created_at,
    CAST(NULL AS TIMESTAMP) AS sent_at,
    CAST(NULL AS TIMESTAMP) AS expires_at,
    CAST(NULL AS TIMESTAMP) AS decided_at,
    CAST(NULL AS TIMESTAMP) AS updated_at
WHERE 1 = 0
