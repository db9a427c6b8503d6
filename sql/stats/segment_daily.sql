-- One row per UTC day, tenant and segment: how many were in it by the day's last look, entered and left.
WITH told AS (
    SELECT
        tenant_id,
        audience,
        campaign,
        1 AS members,
        0 AS entries,
        0 AS exits
    FROM segments_seen
    UNION ALL
    SELECT
        c.tenant_id,
        c.audience,
        c.campaign,
        0 AS members,
        CASE WHEN c.change = 'entered' THEN 1 ELSE 0 END AS entries,
        CASE WHEN c.change = 'left' THEN 1 ELSE 0 END AS exits
    FROM segment_changes AS c
    INNER JOIN segments_looked_at AS s ON c.audience = s.audience AND c.campaign = s.campaign
)

SELECT
    CAST($day AS DATE) AS day,
    tenant_id,
    audience,
    campaign,
    sum(members) AS members,
    sum(entries) AS entries,
    sum(exits) AS exits
FROM told
GROUP BY tenant_id, audience, campaign
UNION ALL
-- Its files are gone: what was counted of them stays.
SELECT
    CAST($day AS DATE) AS day,
    f.tenant_id,
    f.audience,
    f.campaign,
    f.members,
    f.entries,
    f.exits
FROM segment_daily_filed AS f
LEFT JOIN segments_looked_at AS s ON f.audience = s.audience AND f.campaign = s.campaign
WHERE s.audience IS NULL
ORDER BY tenant_id, audience, campaign
