-- No rows: a shop's purchases know no enquiries.
SELECT
    CAST(NULL AS BIGINT) AS id,
    CAST(NULL AS BIGINT) AS tenant_id,
    CAST(NULL AS BIGINT) AS customer_id,
    CAST(NULL AS BIGINT) AS agent_id,
    CAST(NULL AS VARCHAR) AS title,
    CAST(NULL AS VARCHAR) AS destination,
    CAST(NULL AS VARCHAR) AS status,
    CAST(NULL AS VARCHAR) AS priority,
    CAST(NULL AS BIGINT) AS escalation_level,
    CAST(NULL AS TIMESTAMP) AS created_at,
    CAST(NULL AS TIMESTAMP) AS sla_due_at,
    CAST(NULL AS TIMESTAMP) AS resolved_at,
    CAST(NULL AS TIMESTAMP) AS updated_at
WHERE 1 = 0
