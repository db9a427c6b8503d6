-- One row per UTC day, tenant, campaign, step and channel: what became of the moments due that day.
WITH feedback AS (
    -- An event type counts once per job, however often it was told.
    SELECT
        job_id,
        max(CASE WHEN type = 'delivered' THEN 1 ELSE 0 END) AS delivered,
        max(CASE WHEN type = 'opened' THEN 1 ELSE 0 END) AS opened,
        max(CASE WHEN type = 'clicked' THEN 1 ELSE 0 END) AS clicked,
        max(CASE WHEN type = 'replied' THEN 1 ELSE 0 END) AS replied,
        max(CASE WHEN type = 'converted' THEN 1 ELSE 0 END) AS converted,
        max(CASE WHEN type = 'bounced' THEN 1 ELSE 0 END) AS bounced,
        max(CASE WHEN type = 'complained' THEN 1 ELSE 0 END) AS complained,
        max(CASE WHEN type = 'unsubscribed' THEN 1 ELSE 0 END) AS unsubscribed
    FROM events
    GROUP BY job_id
),

judged AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY occurrence, tenant_id, campaign_id, step_id, subject_id, recipient_id
            ORDER BY as_of DESC, run_id DESC
        ) AS place
    FROM decisions
),

moments AS (
    -- Expired and suppressed in the ledger happened to a planned job, shortly before hand-off.
    SELECT
        tenant_id,
        campaign,
        step,
        channel,
        job_id,
        CASE
            WHEN state <> 'skipped' OR reason IN ('expired', 'suppressed') THEN 'planned'
            WHEN reason = 'stale' THEN coalesce(held_by, reason)
            ELSE reason
        END AS decision,
        CASE WHEN state = 'skipped' THEN reason ELSE state END AS fate
    FROM ledger
    UNION ALL
    -- What no tick has settled yet counts by its latest decision; once in the ledger, the ledger speaks.
    SELECT
        j.tenant_id,
        j.campaign,
        j.step,
        j.channel,
        CAST(NULL AS BIGINT) AS job_id,
        j.reason AS decision,
        CAST(NULL AS VARCHAR) AS fate
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
    m.tenant_id,
    m.campaign,
    m.step,
    m.channel,
    count(*) AS moments,
    sum(CASE WHEN m.decision = 'planned' THEN 1 ELSE 0 END) AS planned,
    sum(CASE WHEN m.decision = 'stale' THEN 1 ELSE 0 END) AS skipped_stale,
    sum(CASE WHEN m.decision = 'inactive' THEN 1 ELSE 0 END) AS skipped_inactive,
    sum(CASE WHEN m.decision = 'waiting' THEN 1 ELSE 0 END) AS skipped_waiting,
    sum(CASE WHEN m.decision = 'condition' THEN 1 ELSE 0 END) AS skipped_condition,
    sum(CASE WHEN m.decision = 'no_recipient' THEN 1 ELSE 0 END) AS skipped_no_recipient,
    sum(CASE WHEN m.decision = 'suppressed' THEN 1 ELSE 0 END) AS skipped_suppressed,
    sum(CASE WHEN m.decision = 'duplicate' THEN 1 ELSE 0 END) AS skipped_duplicate,
    sum(CASE WHEN m.decision = 'superseded' THEN 1 ELSE 0 END) AS skipped_superseded,
    sum(CASE WHEN m.decision = 'holdout' THEN 1 ELSE 0 END) AS skipped_holdout,
    sum(CASE WHEN m.decision = 'merged' THEN 1 ELSE 0 END) AS skipped_merged,
    sum(CASE WHEN m.decision = 'guarded' THEN 1 ELSE 0 END) AS skipped_guarded,
    sum(CASE WHEN m.decision = 'capped' THEN 1 ELSE 0 END) AS skipped_capped,
    sum(CASE WHEN m.decision = 'limited' THEN 1 ELSE 0 END) AS skipped_limited,
    sum(CASE WHEN m.fate = 'pending' THEN 1 ELSE 0 END) AS waiting,
    sum(CASE WHEN m.fate = 'processing' THEN 1 ELSE 0 END) AS processing,
    sum(CASE WHEN m.fate = 'completed' THEN 1 ELSE 0 END) AS sent,
    sum(CASE WHEN m.fate = 'dead' THEN 1 ELSE 0 END) AS failed,
    sum(CASE WHEN m.fate = 'unknown' THEN 1 ELSE 0 END) AS unknown,
    sum(CASE WHEN m.fate = 'cancelled' THEN 1 ELSE 0 END) AS cancelled,
    sum(CASE WHEN m.decision = 'planned' AND m.fate = 'expired' THEN 1 ELSE 0 END) AS expired,
    sum(CASE WHEN m.decision = 'planned' AND m.fate = 'suppressed' THEN 1 ELSE 0 END) AS withheld,
    coalesce(sum(f.delivered), 0) AS delivered,
    coalesce(sum(f.opened), 0) AS opened,
    coalesce(sum(f.clicked), 0) AS clicked,
    coalesce(sum(f.replied), 0) AS replied,
    coalesce(sum(f.converted), 0) AS converted,
    coalesce(sum(f.bounced), 0) AS bounced,
    coalesce(sum(f.complained), 0) AS complained,
    coalesce(sum(f.unsubscribed), 0) AS unsubscribed
FROM moments AS m
LEFT JOIN feedback AS f ON m.job_id = f.job_id
GROUP BY m.tenant_id, m.campaign, m.step, m.channel
ORDER BY m.tenant_id, m.campaign, m.step, m.channel
