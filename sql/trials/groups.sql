-- One row per tenant and campaign with a holdout, and whether held out: who the draw put there, and who converted.
SELECT
    b.tenant_id,
    b.campaign,
    b.held_out,
    coalesce(u.currency, 'XXX') AS currency,
    sum(CASE WHEN b.ready THEN 1 ELSE 0 END) AS subjects,
    sum(CASE WHEN b.ready THEN 0 ELSE 1 END) AS waiting,
    sum(CASE WHEN v.subject_id IS NULL THEN 0 ELSE 1 END) AS converted,
    sum(coalesce(v.amount, 0)) AS total,
    sum(CAST(coalesce(v.amount, 0) AS DOUBLE) * coalesce(v.amount, 0)) AS squares,
    sum(coalesce(v.others, 0)) AS others
FROM began AS b
LEFT JOIN bought AS v
    ON b.tenant_id = v.tenant_id AND b.campaign = v.campaign AND b.subject_id = v.subject_id
LEFT JOIN currencies AS u ON b.tenant_id = u.tenant_id
GROUP BY b.tenant_id, b.campaign, b.held_out, coalesce(u.currency, 'XXX')
ORDER BY b.tenant_id, b.campaign, b.held_out
