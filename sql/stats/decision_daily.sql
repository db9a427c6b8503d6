-- One row per UTC day, tenant, campaign, step and decision: how many of the moments due that day ended so.
WITH moments AS (
    SELECT
        tenant_id,
        campaign,
        step,
        CASE WHEN was_planned(state, reason) THEN 'planned' ELSE reason END AS reason,
        CASE WHEN state = 'skipped' THEN held_by END AS held_by
    FROM message_facts
    UNION ALL
    -- What no tick has settled yet is held by its latest decision.
    SELECT
        tenant_id,
        campaign,
        step,
        reason,
        CAST(NULL AS VARCHAR) AS held_by
    FROM held
)

SELECT
    CAST($day AS DATE) AS day,
    tenant_id,
    campaign,
    step,
    reason,
    coalesce(held_by, 'nothing') AS held_by,
    count(*) AS moments
FROM moments
GROUP BY tenant_id, campaign, step, reason, coalesce(held_by, 'nothing')
ORDER BY tenant_id, campaign, step, reason, held_by
