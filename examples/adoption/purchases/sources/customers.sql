-- One row per customer number: there since the first purchase, last active at the last one.
-- text ids: id, agent_id
SELECT
    customer_id AS id,
    1 AS tenant_id,
    'Customer ' || customer_id AS name,
    CAST(NULL AS VARCHAR) AS first_name,
    'customer-' || customer_id || '@example.com' AS email, -- the file has no addresses
    CAST(NULL AS VARCHAR) AS phone,
    CAST(NULL AS VARCHAR) AS locale,
    CAST(NULL AS VARCHAR) AS time_zone,
    'US' AS country,
    CASE WHEN count(DISTINCT purchased_on) > 1 THEN 'repeat' ELSE 'single' END AS segment,
    'active' AS status,
    CAST(NULL AS DATE) AS birthday,
    CAST(sum(CAST(amount_usd AS DECIMAL(12, 2))) * 100 AS BIGINT) AS lifetime_value,
    CAST(NULL AS VARCHAR) AS company_name,
    CAST(NULL AS VARCHAR) AS push_token,
    CAST(NULL AS VARCHAR) AS wallet_pass,
    CAST(NULL AS VARCHAR) AS pipeline_stage,
    CAST(NULL AS TIMESTAMP) AS stage_entered_at,
    CAST(NULL AS BIGINT) AS merged_into,
    false AS email_opt_out,
    -- Days without a time are noon UTC, which is the same calendar day in New York.
    min(purchased_on) || 'T12:00:00Z' AS created_at,
    max(purchased_on) || 'T12:00:00Z' AS last_activity_at,
    CAST(NULL AS VARCHAR) AS agent_id,
    max(purchased_on) || 'T12:00:00Z' AS updated_at
FROM cdnow_purchases
GROUP BY customer_id
