-- One row per answer to a message; automatic ones are left out.
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
WHERE e.type = 'replied' AND NOT coalesce(e.machine, false)
