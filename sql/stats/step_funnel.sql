-- One row per UTC day, tenant, campaign, step and channel: how far its planned messages got, each stage of the last.
WITH reached AS (
    SELECT
        tenant_id,
        campaign,
        step,
        channel,
        CASE WHEN state = 'completed' THEN 1 ELSE 0 END AS sent,
        -- What a person did with it has reached them; a bounce after the receiver's yes takes the yes back.
        CASE
            WHEN state <> 'completed' THEN 0
            WHEN coalesce(opened_at, clicked_at, replied_at) IS NOT NULL THEN 1
            WHEN bounced_at >= delivered_at OR delivered_at IS NULL THEN 0
            ELSE 1
        END AS delivered,
        -- Who clicked has opened it, whether or not pictures were loaded.
        CASE WHEN state = 'completed' AND coalesce(opened_at, clicked_at) IS NOT NULL THEN 1 ELSE 0 END AS opened,
        CASE WHEN state = 'completed' AND clicked_at IS NOT NULL THEN 1 ELSE 0 END AS clicked,
        CASE WHEN state = 'completed' AND told_converted_at IS NOT NULL THEN 1 ELSE 0 END AS converted
    FROM message_facts
    -- Settled by planning means it never was a message.
    WHERE was_planned(state, reason)
)

SELECT
    CAST($day AS DATE) AS day,
    tenant_id,
    campaign,
    step,
    channel,
    count(*) AS planned,
    sum(sent) AS sent,
    sum(delivered) AS delivered,
    sum(opened) AS opened,
    sum(clicked) AS clicked,
    sum(clicked * converted) AS converted,
    sum((1 - clicked) * converted) AS converted_without_click
FROM reached
GROUP BY tenant_id, campaign, step, channel
ORDER BY tenant_id, campaign, step, channel
