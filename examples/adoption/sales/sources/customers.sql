-- One row per account, and one that stands in for the opportunities without an account.
-- text ids: id, agent_id
WITH deals AS (
    SELECT
        coalesce(account, '(no account)') AS account,
        min(engage_date) AS first_on,
        max(coalesce(close_date, engage_date)) AS last_on,
        sum(CAST(close_value AS BIGINT)) AS won
    FROM crm_sales_pipeline
    GROUP BY 1
)

SELECT
    deals.account AS id,
    1 AS tenant_id,
    deals.account AS name,
    CAST(NULL AS VARCHAR) AS first_name,
    -- The file has no addresses. The stand-in keeps none, so that every message to it is decided
    -- `no_recipient`, which can be counted, instead of being left out.
    CASE
        WHEN crm_accounts.account IS NOT NULL
            THEN 'purchasing@' || lower(replace(deals.account, ' ', '-')) || '.example.com'
    END AS email,
    CAST(NULL AS VARCHAR) AS phone,
    CAST(NULL AS VARCHAR) AS locale,
    CAST(NULL AS VARCHAR) AS time_zone,
    CASE crm_accounts.office_location
        WHEN 'United States' THEN 'US'
        WHEN 'Belgium' THEN 'BE'
        WHEN 'Brazil' THEN 'BR'
        WHEN 'China' THEN 'CN'
        WHEN 'Germany' THEN 'DE'
        WHEN 'Italy' THEN 'IT'
        WHEN 'Japan' THEN 'JP'
        WHEN 'Jordan' THEN 'JO'
        WHEN 'Kenya' THEN 'KE'
        WHEN 'Korea' THEN 'KR'
        WHEN 'Norway' THEN 'NO'
        WHEN 'Panama' THEN 'PA'
        WHEN 'Philipines' THEN 'PH'
        WHEN 'Poland' THEN 'PL'
        WHEN 'Romania' THEN 'RO'
    END AS country,
    CASE crm_accounts.sector WHEN 'technolgy' THEN 'technology' ELSE crm_accounts.sector END AS segment,
    CASE WHEN deals.won > 0 THEN 'active' ELSE 'lead' END AS status,
    CAST(NULL AS DATE) AS birthday,
    deals.won * 100 AS lifetime_value,
    CAST(NULL AS VARCHAR) AS company_name,
    CAST(NULL AS VARCHAR) AS push_token,
    CAST(NULL AS VARCHAR) AS wallet_pass,
    CAST(NULL AS VARCHAR) AS pipeline_stage,
    CAST(NULL AS TIMESTAMP) AS stage_entered_at,
    CAST(NULL AS BIGINT) AS merged_into,
    false AS email_opt_out,
    -- Days without a time are noon UTC: the same calendar day from Chicago to Tokyo.
    deals.first_on || 'T12:00:00Z' AS created_at,
    deals.last_on || 'T12:00:00Z' AS last_activity_at,
    CAST(NULL AS VARCHAR) AS agent_id,
    deals.last_on || 'T12:00:00Z' AS updated_at
FROM deals
LEFT JOIN crm_accounts ON deals.account = crm_accounts.account
