-- One row per moment settled in the ledger and due that UTC day: what it was, and what was told of it since.
WITH told AS (
    -- Told twice, it happened once, when it was told first.
    SELECT
        job_id,
        min(CASE WHEN type = 'delivered' THEN told_at END) AS delivered_at,
        min(CASE WHEN type = 'opened' AND NOT coalesce(machine, false) THEN told_at END) AS opened_at,
        min(CASE WHEN type = 'clicked' AND NOT coalesce(machine, false) THEN told_at END) AS clicked_at,
        max(CASE WHEN type = 'opened' AND machine THEN 1 ELSE 0 END) AS machine_opened,
        max(CASE WHEN type = 'clicked' AND machine THEN 1 ELSE 0 END) AS machine_clicked,
        min(CASE WHEN type = 'replied' THEN told_at END) AS replied_at,
        min(CASE WHEN type = 'converted' THEN told_at END) AS told_converted_at,
        min(CASE WHEN type = 'bounced' THEN told_at END) AS bounced_at,
        -- The worst of what was told.
        max(CASE
            WHEN type <> 'bounced' THEN 0
            WHEN kind = 'hard' THEN 3
            WHEN kind = 'block' THEN 2
            WHEN kind = 'soft' THEN 1
            ELSE 0
        END) AS severity,
        min(CASE WHEN type = 'complained' THEN told_at END) AS complained_at,
        min(CASE WHEN type = 'unsubscribed' THEN told_at END) AS unsubscribed_at,
        sum(CASE WHEN type = 'deferred' THEN 1 ELSE 0 END) AS deferrals
    FROM events
    GROUP BY job_id
)

SELECT
    CAST($day AS DATE) AS day,
    l.job_id,
    l.occurrence,
    l.tenant_id,
    l.campaign,
    l.step,
    l.variant,
    l.campaign_version,
    l.purpose,
    l.channel,
    l.subject_id,
    l.recipient_id,
    l.customer_id,
    l.state,
    l.reason,
    l.held_by,
    l.attempts,
    l.tick_id,
    l.due_at,
    l.finished_at,
    l.sender_domain,
    l.mailbox,
    t.delivered_at,
    t.opened_at,
    t.clicked_at,
    coalesce(t.machine_opened, 0) = 1 AS machine_opened,
    coalesce(t.machine_clicked, 0) = 1 AS machine_clicked,
    t.replied_at,
    t.told_converted_at,
    t.bounced_at,
    CASE t.severity WHEN 3 THEN 'hard' WHEN 2 THEN 'block' WHEN 1 THEN 'soft' END AS bounce,
    t.complained_at,
    t.unsubscribed_at,
    coalesce(t.deferrals, 0) AS deferrals
FROM ledger AS l
LEFT JOIN told AS t ON l.job_id = t.job_id
ORDER BY l.job_id
