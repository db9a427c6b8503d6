-- One row per campaign and UTC day on which something falls due now: how much, with what is still to come.
SELECT
    p.campaign_id,
    p.campaign,
    CAST(timezone('UTC', p.due_at) AS DATE) AS day,
    c.guard_factor,
    c.guard_at_least,
    c.guard_cap,
    count(*) AS moments
FROM passing AS p
INNER JOIN policies AS c ON p.campaign_id = c.campaign_id
GROUP BY
    p.campaign_id,
    p.campaign,
    CAST(timezone('UTC', p.due_at) AS DATE),
    c.guard_factor,
    c.guard_at_least,
    c.guard_cap
HAVING NOT bool_and(p.upcoming)
