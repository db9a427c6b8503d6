-- One row per tenant: what it sent and what came back in the last 7 and 30 UTC days, and how it stands now.
WITH days AS (
    SELECT
        tenant_id,
        sent,
        delivered,
        opened,
        clicked,
        bounced,
        complained,
        unsubscribed,
        CASE WHEN channel = 'email' THEN sent ELSE 0 END AS emails,
        CASE WHEN day > CAST(plus_minutes($as_of, -7 * 1440) AS DATE) THEN 1 ELSE 0 END AS week
    FROM campaign_daily
    WHERE day > CAST(plus_minutes($as_of, -30 * 1440) AS DATE) AND day <= CAST($as_of AS DATE)
),

lately AS (
    SELECT
        tenant_id,
        sum(week * sent) AS sent_7_days,
        sum(week * emails) AS emails_7_days,
        sum(week * delivered) AS delivered_7_days,
        sum(week * opened) AS opened_7_days,
        sum(week * clicked) AS clicked_7_days,
        sum(week * bounced) AS bounced_7_days,
        sum(week * complained) AS complained_7_days,
        sum(week * unsubscribed) AS unsubscribed_7_days,
        sum(sent) AS sent_30_days,
        sum(emails) AS emails_30_days,
        sum(delivered) AS delivered_30_days,
        sum(opened) AS opened_30_days,
        sum(clicked) AS clicked_30_days,
        sum(bounced) AS bounced_30_days,
        sum(complained) AS complained_30_days,
        sum(unsubscribed) AS unsubscribed_30_days
    FROM days
    GROUP BY tenant_id
),

standing AS (
    SELECT
        tenant_id,
        sum(waiting + delayed) AS waiting,
        sum(processing) AS processing,
        sum(dead) AS failed,
        sum(unknown) AS unknown,
        min(oldest_waiting) AS oldest_waiting_at
    FROM queue
    GROUP BY tenant_id
),

campaigns AS (
    SELECT
        p.tenant_id,
        count(DISTINCT r.campaign) AS running
    FROM profiles AS p
    INNER JOIN running_campaigns AS r
        ON
            r.tenant_key IS NULL
            OR r.tenant_key = CAST(p.tenant_id AS VARCHAR)
            OR hash63(r.tenant_key) = p.tenant_id
    GROUP BY p.tenant_id
)

SELECT
    p.tenant_id,
    p.profile ->> '$.name' AS name,
    coalesce(l.sent_7_days, 0) AS sent_7_days,
    coalesce(l.emails_7_days, 0) AS emails_7_days,
    coalesce(l.delivered_7_days, 0) AS delivered_7_days,
    coalesce(l.opened_7_days, 0) AS opened_7_days,
    coalesce(l.clicked_7_days, 0) AS clicked_7_days,
    coalesce(l.bounced_7_days, 0) AS bounced_7_days,
    coalesce(l.complained_7_days, 0) AS complained_7_days,
    coalesce(l.unsubscribed_7_days, 0) AS unsubscribed_7_days,
    coalesce(l.sent_30_days, 0) AS sent_30_days,
    coalesce(l.emails_30_days, 0) AS emails_30_days,
    coalesce(l.delivered_30_days, 0) AS delivered_30_days,
    coalesce(l.opened_30_days, 0) AS opened_30_days,
    coalesce(l.clicked_30_days, 0) AS clicked_30_days,
    coalesce(l.bounced_30_days, 0) AS bounced_30_days,
    coalesce(l.complained_30_days, 0) AS complained_30_days,
    coalesce(l.unsubscribed_30_days, 0) AS unsubscribed_30_days,
    coalesce(q.waiting, 0) AS waiting,
    coalesce(q.processing, 0) AS processing,
    coalesce(q.failed, 0) AS failed,
    coalesce(q.unknown, 0) AS unknown,
    q.oldest_waiting_at,
    coalesce(c.running, 0) AS running_campaigns,
    t.last_tick_at
FROM profiles AS p
CROSS JOIN last_tick AS t
LEFT JOIN lately AS l ON p.tenant_id = l.tenant_id
LEFT JOIN standing AS q ON p.tenant_id = q.tenant_id
LEFT JOIN campaigns AS c ON p.tenant_id = c.tenant_id
ORDER BY p.tenant_id
