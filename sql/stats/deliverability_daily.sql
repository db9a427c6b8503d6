-- One row per UTC day, tenant, sending domain and mailbox provider: what came of the e-mails sent.
SELECT
    CAST($day AS DATE) AS day,
    tenant_id,
    coalesce(sender_domain, 'unknown') AS sender_domain,
    coalesce(mailbox, 'unknown') AS mailbox,
    count(*) AS sent,
    sum(CASE WHEN delivered_at IS NOT NULL THEN 1 ELSE 0 END) AS delivered,
    sum(CASE WHEN bounced_at IS NOT NULL THEN 1 ELSE 0 END) AS bounced,
    sum(CASE WHEN bounce = 'hard' THEN 1 ELSE 0 END) AS bounced_hard,
    sum(CASE WHEN bounce = 'soft' THEN 1 ELSE 0 END) AS bounced_soft,
    sum(CASE WHEN bounce = 'block' THEN 1 ELSE 0 END) AS bounced_block,
    sum(CASE WHEN complained_at IS NOT NULL THEN 1 ELSE 0 END) AS complained,
    sum(CASE WHEN unsubscribed_at IS NOT NULL THEN 1 ELSE 0 END) AS unsubscribed,
    sum(CASE WHEN deferrals > 0 THEN 1 ELSE 0 END) AS deferred
FROM message_facts
WHERE channel = 'email' AND state = 'completed'
GROUP BY tenant_id, coalesce(sender_domain, 'unknown'), coalesce(mailbox, 'unknown')
ORDER BY tenant_id, sender_domain, mailbox
