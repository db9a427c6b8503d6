-- One row per UTC day, tenant, campaign, step and channel: what became of the moments due that day.
WITH moments AS (
    SELECT
        tenant_id,
        campaign,
        step,
        channel,
        CASE
            WHEN was_planned(state, reason) THEN 'planned'
            WHEN reason = 'stale' THEN coalesce(held_by, reason)
            ELSE reason
        END AS decision,
        CASE WHEN state = 'skipped' THEN reason ELSE state END AS fate,
        CASE WHEN delivered_at IS NOT NULL THEN 1 ELSE 0 END AS delivered,
        CASE WHEN opened_at IS NOT NULL THEN 1 ELSE 0 END AS opened,
        CASE WHEN clicked_at IS NOT NULL THEN 1 ELSE 0 END AS clicked,
        CASE WHEN machine_opened AND opened_at IS NULL THEN 1 ELSE 0 END AS opened_by_machine,
        CASE WHEN machine_clicked AND clicked_at IS NULL THEN 1 ELSE 0 END AS clicked_by_machine,
        CASE WHEN replied_at IS NOT NULL THEN 1 ELSE 0 END AS replied,
        CASE WHEN told_converted_at IS NOT NULL THEN 1 ELSE 0 END AS converted,
        CASE WHEN bounced_at IS NOT NULL THEN 1 ELSE 0 END AS bounced,
        CASE WHEN complained_at IS NOT NULL THEN 1 ELSE 0 END AS complained,
        CASE WHEN unsubscribed_at IS NOT NULL THEN 1 ELSE 0 END AS unsubscribed
    FROM message_facts
    UNION ALL
    -- What no tick has settled yet counts by its latest decision; once in the ledger, the ledger speaks.
    SELECT
        tenant_id,
        campaign,
        step,
        channel,
        reason AS decision,
        CAST(NULL AS VARCHAR) AS fate,
        0 AS delivered,
        0 AS opened,
        0 AS clicked,
        0 AS opened_by_machine,
        0 AS clicked_by_machine,
        0 AS replied,
        0 AS converted,
        0 AS bounced,
        0 AS complained,
        0 AS unsubscribed
    FROM held
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
    sum(m.delivered) AS delivered,
    sum(m.opened) AS opened,
    sum(m.clicked) AS clicked,
    sum(m.opened_by_machine) AS opened_by_machine,
    sum(m.clicked_by_machine) AS clicked_by_machine,
    sum(m.replied) AS replied,
    sum(m.converted) AS converted,
    sum(m.bounced) AS bounced,
    sum(m.complained) AS complained,
    sum(m.unsubscribed) AS unsubscribed
FROM moments AS m
GROUP BY m.tenant_id, m.campaign, m.step, m.channel
ORDER BY m.tenant_id, m.campaign, m.step, m.channel
