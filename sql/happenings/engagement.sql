-- One row per contact with an account that took place.
SELECT
    s.tenant_id,
    s.customer_id,
    s.account_id,
    s.at,
    s.type,
    s.outcome
FROM engagements AS s
WHERE s.status = 'completed'
