-- One row per customer who ever converted: how lately, how often, for how much, and where that puts them.
WITH held AS (
    SELECT
        tenant_id,
        customer_id,
        converted_at,
        coalesce(amount, 0) AS amount,
        currency
    FROM conversion_facts
    WHERE customer_id IS NOT NULL AND cancelled_at IS NULL AND converted_at <= $as_of
),

by_currency AS (
    SELECT
        tenant_id,
        customer_id,
        currency,
        count(*) AS conversions,
        sum(amount) AS amount,
        -- Money is told in the currency they mostly pay in: rates of exchange are nobody's to invent.
        row_number() OVER (
            PARTITION BY tenant_id, customer_id ORDER BY count(*) DESC, currency ASC
        ) AS place
    FROM held
    GROUP BY tenant_id, customer_id, currency
),

customers AS (
    SELECT
        h.tenant_id,
        h.customer_id,
        max(h.converted_at) AS last_converted_at,
        count(*) AS frequency,
        max(c.amount) AS monetary,
        max(c.currency) AS currency,
        count(*) - max(c.conversions) AS in_other_currencies
    FROM held AS h
    INNER JOIN by_currency AS c
        ON h.tenant_id = c.tenant_id AND h.customer_id = c.customer_id AND c.place = 1
    GROUP BY h.tenant_id, h.customer_id
),

placed AS (
    SELECT
        *,
        count(*) OVER (PARTITION BY tenant_id) AS among,
        count(*) OVER (PARTITION BY tenant_id, currency) AS among_currency,
        ntile(5) OVER (
            PARTITION BY tenant_id ORDER BY last_converted_at ASC, frequency ASC, customer_id DESC
        ) AS recency_fifth,
        ntile(5) OVER (
            PARTITION BY tenant_id ORDER BY frequency ASC, last_converted_at ASC, customer_id DESC
        ) AS frequency_fifth,
        ntile(5) OVER (
            PARTITION BY tenant_id, currency
            ORDER BY monetary ASC, frequency ASC, last_converted_at ASC, customer_id DESC
        ) AS monetary_fifth
    FROM customers
),

-- Of fewer than five customers nobody is in the best fifth.
rated AS (
    SELECT
        *,
        CASE WHEN among >= 5 THEN recency_fifth END AS r,
        CASE WHEN among >= 5 THEN frequency_fifth END AS f,
        CASE WHEN among_currency >= 5 THEN monetary_fifth END AS m
    FROM placed
)

SELECT
    tenant_id,
    customer_id,
    last_converted_at,
    CAST(floor((minutes_of($as_of) - minutes_of(last_converted_at)) / 1440) AS BIGINT) AS recency_days,
    frequency,
    monetary,
    currency,
    in_other_currencies,
    r,
    f,
    m,
    CASE
        WHEN r = 5 AND f >= 4 THEN 'champions'
        WHEN r >= 3 AND f >= 4 THEN 'loyal'
        WHEN r >= 4 AND f >= 2 THEN 'potential_loyal'
        WHEN r = 5 THEN 'new'
        WHEN r = 4 THEN 'promising'
        WHEN r = 3 AND f = 3 THEN 'needs_attention'
        WHEN r = 3 THEN 'about_to_sleep'
        WHEN f = 5 THEN 'not_to_lose'
        WHEN f >= 3 THEN 'at_risk'
        WHEN r IS NOT NULL THEN 'hibernating'
    END AS segment
FROM rated
ORDER BY tenant_id, customer_id
