-- One row per meeting that was missed.
SELECT
    s.tenant_id,
    s.customer_id,
    s.account_id,
    s.at,
    s.outcome
FROM engagements AS s
WHERE s.type = 'meeting' AND s.status = 'missed'
