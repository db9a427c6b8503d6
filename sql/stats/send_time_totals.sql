-- One row per tenant, channel, local weekday and hour of sending: the response to the messages of 180 days.
WITH sent AS (
    SELECT
        m.tenant_id,
        m.channel,
        local_time(m.finished_at, coalesce(p.profile ->> '$.time_zone', 'UTC')) AS sent_at,
        m.opened_at,
        m.clicked_at,
        minutes_between(m.finished_at, m.opened_at) AS minutes_to_open,
        minutes_between(m.finished_at, m.clicked_at) AS minutes_to_click
    FROM message_facts AS m
    LEFT JOIN profiles AS p ON m.tenant_id = p.tenant_id
    WHERE
        m.state = 'completed'
        AND m.day > CAST(plus_minutes($as_of, -180 * 1440) AS DATE)
        -- When staff read their copies says nothing of customers.
        AND (m.recipient_id = 0 OR m.customer_id IS NULL)
)

SELECT
    tenant_id,
    channel,
    weekday_of(sent_at) AS weekday,
    extract('hour' FROM sent_at) AS hour,
    count(*) AS sent,
    count(opened_at) AS opened,
    count(clicked_at) AS clicked,
    sum(CASE WHEN minutes_to_open <= 60 THEN 1 ELSE 0 END) AS opened_within_an_hour,
    sum(CASE WHEN minutes_to_click <= 60 THEN 1 ELSE 0 END) AS clicked_within_an_hour,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes_to_open) AS median_minutes_to_open,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes_to_click) AS median_minutes_to_click
FROM sent
GROUP BY tenant_id, channel, weekday_of(sent_at), extract('hour' FROM sent_at)
ORDER BY tenant_id, channel, weekday, hour
