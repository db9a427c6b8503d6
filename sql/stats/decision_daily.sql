-- One row per UTC day, tenant, campaign, step and decision: how many of the moments due that day ended so.
WITH judged AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY occurrence, tenant_id, campaign_id, step_id, subject_id, recipient_id
            ORDER BY as_of DESC, run_id DESC
        ) AS place
    FROM decisions
),

moments AS (
    -- What expired or was suppressed shortly before hand-off had been planned.
    SELECT
        tenant_id,
        campaign,
        step,
        CASE WHEN state <> 'skipped' OR reason IN ('expired', 'suppressed') THEN 'planned' ELSE reason END AS reason,
        CASE WHEN state = 'skipped' THEN held_by END AS held_by
    FROM message_facts
    UNION ALL
    -- What no tick has settled yet is held by its latest decision.
    SELECT
        j.tenant_id,
        j.campaign,
        j.step,
        j.reason,
        CAST(NULL AS VARCHAR) AS held_by
    FROM judged AS j
    LEFT JOIN settled AS s
        ON
            j.occurrence = s.occurrence
            AND j.tenant_id = s.tenant_id
            AND j.campaign_id = s.campaign_id
            AND j.step_id = s.step_id
            AND j.subject_id = s.subject_id
            AND j.recipient_id = s.recipient_id
    WHERE j.place = 1 AND s.occurrence IS NULL
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
