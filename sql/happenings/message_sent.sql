-- One row per message handed to a provider, whatever its channel.
SELECT
    e.tenant_id,
    e.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    e.at,
    e.campaign,
    e.step,
    e.channel,
    e.purpose
FROM message_events AS e
WHERE e.type = 'sent'
