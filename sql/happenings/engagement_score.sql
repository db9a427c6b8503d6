-- One row per customer who ever did something: how much, 0 to 100, the latest counting most.
-- Each thing has points, which halve every 30 days: a click is worth 10 today, 5 in a month, 2.5 in two.
--   messages (macro `engagement_points`): opened 5, clicked 10, replied 20, converted 30,
--     unsubscribed -30, complained -50; what programs did (mail scanners, proxies) counts nothing
--   contacts that took place: meeting 20, call or training 15, support or e-mail 5;
--     half as much again when positive, half when negative, nothing without a response; missed -10
-- What is older than 360 days (518,400 minutes) would count less than a 4,000th and counts nothing.
-- The sum is cut at 0 and 100 and rounded to one decimal.
WITH done AS (
    SELECT
        e.tenant_id,
        e.customer_id,
        e.at,
        engagement_points(e.type) AS points
    FROM message_events AS e
    WHERE e.customer_id IS NOT NULL AND NOT coalesce(e.machine, false)
    UNION ALL
    SELECT
        g.tenant_id,
        g.customer_id,
        g.at,
        CASE
            WHEN g.status = 'missed' THEN -10.0
            WHEN g.status <> 'completed' OR g.outcome = 'no_response' THEN 0.0
            ELSE
                CASE g.type
                    WHEN 'meeting' THEN 20.0
                    WHEN 'call' THEN 15.0
                    WHEN 'training' THEN 15.0
                    ELSE 5.0
                END
                * CASE g.outcome WHEN 'positive' THEN 1.5 WHEN 'negative' THEN 0.5 ELSE 1.0 END
        END AS points
    FROM engagements AS g
    WHERE g.customer_id IS NOT NULL
)

SELECT
    d.tenant_id,
    d.customer_id,
    round(
        greatest(
            0.0,
            least(
                100.0,
                sum(halved(d.points, d.at, $as_of))
            )
        ),
        1
    ) AS engagement_score
FROM done AS d
WHERE d.points <> 0.0 AND d.at <= $as_of AND d.at > plus_minutes($as_of, -518400)
GROUP BY d.tenant_id, d.customer_id
