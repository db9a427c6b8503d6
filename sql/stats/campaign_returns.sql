-- One row per tenant, campaign and currency: what a campaign cost, brought, and brought more than none would have.
WITH own AS (
    SELECT
        tenant_id,
        -- ISO 4217: no currency.
        coalesce(currency, 'XXX') AS currency
    FROM tenants
),

spent AS (
    SELECT
        s.tenant_id,
        s.campaign,
        coalesce(o.currency, 'XXX') AS currency,
        sum(s.sent) AS sent,
        sum(s.cost) AS cost
    FROM spend_daily AS s
    LEFT JOIN own AS o ON s.tenant_id = o.tenant_id
    GROUP BY s.tenant_id, s.campaign, coalesce(o.currency, 'XXX')
),

earned AS (
    SELECT
        a.tenant_id,
        a.campaign,
        a.currency,
        sum(a.conversions) AS conversions,
        sum(a.revenue) AS revenue,
        sum(a.cancelled) AS cancelled
    FROM attribution_daily AS a
    INNER JOIN terms AS t ON a.model = t.model
    WHERE a.campaign IS NOT NULL
    GROUP BY a.tenant_id, a.campaign, a.currency
),

listed AS (
    SELECT
        tenant_id,
        campaign,
        currency
    FROM spent
    UNION
    SELECT
        tenant_id,
        campaign,
        currency
    FROM earned
    UNION
    SELECT
        tenant_id,
        campaign,
        currency
    FROM holdout_lift
)

SELECT
    r.tenant_id,
    r.campaign,
    r.currency,
    l.incremental_conversions,
    l.incremental_conversions_low,
    l.incremental_conversions_high,
    l.incremental_revenue,
    l.incremental_revenue_low,
    l.incremental_revenue_high,
    coalesce(s.sent, 0) AS sent,
    coalesce(s.cost, 0.0) AS cost,
    t.model,
    coalesce(e.conversions, 0.0) AS conversions,
    coalesce(e.revenue, 0) AS revenue,
    coalesce(e.cancelled, 0.0) AS cancelled
FROM listed AS r
CROSS JOIN terms AS t
LEFT JOIN spent AS s ON r.tenant_id = s.tenant_id AND r.campaign = s.campaign AND r.currency = s.currency
LEFT JOIN earned AS e ON r.tenant_id = e.tenant_id AND r.campaign = e.campaign AND r.currency = e.currency
LEFT JOIN holdout_lift AS l
    ON r.tenant_id = l.tenant_id AND r.campaign = l.campaign AND r.currency = l.currency
ORDER BY r.tenant_id, r.campaign, r.currency
