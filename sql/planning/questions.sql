-- One row per moment whose step or campaign sets conditions: whom and when they are asked about.
SELECT
    u.moment_id AS row_id,
    u.tenant_id,
    u.customer_id,
    u.account_id,
    u.audience,
    u.row_id AS audience_row,
    greatest(u.due_at, CAST($as_of AS TIMESTAMPTZ)) AS judged_at,
    u.anchor_instant AS anchor_at,
    s.campaign
FROM unsettled AS u
INNER JOIN steps AS s ON u.place = s.place
WHERE u.place IN (SELECT a.place FROM asked_rules AS a)
