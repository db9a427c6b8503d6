-- One row per click of a person on a link in an e-mail; those of scanners are left out.
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
WHERE e.type = 'clicked' AND e.channel = 'email' AND NOT coalesce(e.machine, false)
