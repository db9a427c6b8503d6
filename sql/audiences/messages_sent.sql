-- One row per message about a customer that went out in the ranges asked for.
SELECT
    m.tenant_id,
    m.id AS subject_id,
    m.id_text AS subject_text,
    m.customer_id,
    CAST(NULL AS BIGINT) AS agent_id,
    m.at AS anchor,
    m.campaign,
    m.step,
    m.channel,
    m.purpose,
    m.at AS sent_at,
    c.name AS customer_name,
    c.first_name,
    c.company_name
FROM message_events AS m
INNER JOIN ranges AS r ON m.at BETWEEN r.lo AND r.hi
INNER JOIN customers AS c ON m.customer_id = c.id AND m.tenant_id = c.tenant_id
WHERE m.type = 'sent' AND m.at <= $as_of
