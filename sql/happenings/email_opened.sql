-- One row per time a person opened an e-mail; what scanners and mail proxies load is left out.
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
WHERE e.type = 'opened' AND e.channel = 'email' AND NOT coalesce(e.machine, false)
