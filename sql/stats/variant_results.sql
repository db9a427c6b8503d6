-- One row per tenant, campaign, metric and variant: what those drawn into it did, and what chance explains of it.
SELECT
    v.tenant_id,
    v.campaign,
    v.metric,
    v.variant,
    v.declared,
    v.control,
    v.weight,
    a.subjects,
    a.waiting,
    v.successes,
    CASE WHEN v.metric = 'revenue' THEN a.total END AS total,
    CASE WHEN v.metric = 'revenue' THEN a.currency END AS currency,
    v.rate,
    v.rate_low,
    v.rate_high,
    v.difference,
    v.difference_low,
    v.difference_high,
    v.p_value,
    v.sample_ratio_p,
    v.more_per_arm,
    v.winner,
    v.verdict
FROM verdicts AS v
INNER JOIN arms AS a ON v.tenant_id = a.tenant_id AND v.campaign = a.campaign AND v.variant = a.variant
ORDER BY v.tenant_id, v.campaign, v.declared DESC, v.metric, v.control DESC, v.variant
