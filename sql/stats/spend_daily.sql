-- One row per UTC day, tenant, campaign, step, variant and channel: messages handed off, and what they cost.
SELECT
    CAST($day AS DATE) AS day,
    m.tenant_id,
    m.campaign,
    m.step,
    m.variant,
    m.channel,
    count(*) AS sent,
    sum(coalesce(o.cost, p.cost, 0.0)) AS cost
FROM message_facts AS m
LEFT JOIN prices AS o ON m.tenant_id = o.tenant_id AND m.channel = o.channel
LEFT JOIN prices AS p ON p.tenant_id IS NULL AND m.channel = p.channel
WHERE m.state = 'completed'
GROUP BY m.tenant_id, m.campaign, m.step, m.variant, m.channel
ORDER BY m.tenant_id, m.campaign, m.step, m.variant, m.channel
