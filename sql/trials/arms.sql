-- One row per tenant, campaign and variant: who was drawn into it, and how many did what in their time.
WITH did AS (
    SELECT
        b.tenant_id,
        b.campaign,
        b.variant,
        b.ready,
        coalesce(b.clicked_at <= b.until, false) AS clicked,
        coalesce(b.replied_at <= b.until, false) AS replied,
        coalesce(b.delivered_at <= b.until, false) AS delivered,
        coalesce(b.opened_at <= b.until, false) AS opened,
        v.subject_id IS NOT NULL OR coalesce(b.converted_at <= b.until, false) AS converted,
        coalesce(v.amount, 0) AS amount
    FROM began AS b
    LEFT JOIN bought AS v
        ON b.tenant_id = v.tenant_id AND b.campaign = v.campaign AND b.subject_id = v.subject_id
)

SELECT
    d.tenant_id,
    d.campaign,
    d.variant,
    u.currency,
    sum(CASE WHEN d.ready THEN 1 ELSE 0 END) AS subjects,
    sum(CASE WHEN d.ready THEN 0 ELSE 1 END) AS waiting,
    sum(CASE WHEN d.ready AND d.clicked THEN 1 ELSE 0 END) AS clicked,
    sum(CASE WHEN d.ready AND d.replied THEN 1 ELSE 0 END) AS replied,
    sum(CASE WHEN d.ready AND d.delivered THEN 1 ELSE 0 END) AS delivered,
    sum(CASE WHEN d.ready AND d.opened THEN 1 ELSE 0 END) AS opened,
    sum(CASE WHEN d.ready AND d.converted THEN 1 ELSE 0 END) AS converted,
    sum(CASE WHEN d.ready THEN d.amount ELSE 0 END) AS total,
    sum(CASE WHEN d.ready THEN CAST(d.amount AS DOUBLE) * d.amount ELSE 0 END) AS squares
FROM did AS d
LEFT JOIN currencies AS u ON d.tenant_id = u.tenant_id
GROUP BY d.tenant_id, d.campaign, d.variant, u.currency
ORDER BY d.tenant_id, d.campaign, d.variant
