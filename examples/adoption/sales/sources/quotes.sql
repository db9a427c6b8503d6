-- One row per sales opportunity: an offer that is open while the deal is being engaged.
-- text ids: id, customer_id, agent_id
SELECT
    deals.opportunity_id AS id,
    1 AS tenant_id,
    coalesce(deals.account, '(no account)') AS customer_id,
    deals.sales_agent AS agent_id,
    deals.opportunity_id AS number,
    crm_products.product AS destination,
    -- The list price until a deal is closed; a lost one has the value 0. A product without a price
    -- gives a text, which breaks the contract and names the product, instead of a silent null.
    coalesce(deals.close_value || '00', crm_products.sales_price || '00', 'no price for ' || deals.product)
        AS amount,
    'USD' AS currency,
    CASE deals.deal_stage
        WHEN 'Prospecting' THEN 'draft'
        WHEN 'Engaging' THEN 'sent'
        WHEN 'Won' THEN 'accepted'
        WHEN 'Lost' THEN 'rejected'
        ELSE deals.deal_stage -- a new stage breaks the contract instead of being guessed at
    END AS status,
    -- Prospects have no date at all: they are taken to be as old as the file.
    coalesce(deals.engage_date, '2016-10-20') || 'T12:00:00Z' AS created_at,
    deals.engage_date || 'T12:00:00Z' AS sent_at,
    CAST(NULL AS TIMESTAMP) AS viewed_at,
    -- The file has no expiry: an offer holds for 60 days.
    CAST(CAST(deals.engage_date AS DATE) + INTERVAL 60 DAY + INTERVAL 12 HOUR AS TIMESTAMP) AS expires_at,
    deals.close_date || 'T12:00:00Z' AS decided_at,
    coalesce(deals.close_date, deals.engage_date) || 'T12:00:00Z' AS updated_at
FROM crm_sales_pipeline AS deals
LEFT JOIN crm_products
    ON CASE deals.product WHEN 'GTXPro' THEN 'GTX Pro' ELSE deals.product END = crm_products.product
