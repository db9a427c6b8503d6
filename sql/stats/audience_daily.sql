-- One row per UTC day, tenant and audience: how many subjects were in scope, and had something planned that day.
WITH planned AS (
    SELECT
        m.tenant_id,
        c.audience,
        count(DISTINCT m.subject_id) AS subjects
    FROM message_facts AS m
    INNER JOIN campaign_audiences AS c
        ON m.campaign = c.campaign AND m.campaign_version = c.campaign_version
    WHERE was_planned(m.state, m.reason)
    GROUP BY m.tenant_id, c.audience
),

seen AS (
    SELECT
        tenant_id,
        audience,
        subjects,
        looks
    FROM audiences_seen
    UNION ALL
    -- Its files are gone: what was counted of them stays.
    SELECT
        f.tenant_id,
        f.audience,
        f.subjects,
        f.looks
    FROM audience_daily_filed AS f
    LEFT JOIN (SELECT DISTINCT audience FROM audiences_seen) AS s ON f.audience = s.audience
    WHERE s.audience IS NULL AND f.looks > 0
)

SELECT
    CAST($day AS DATE) AS day,
    coalesce(s.tenant_id, p.tenant_id) AS tenant_id,
    coalesce(s.audience, p.audience) AS audience,
    -- What is due just after midnight was planned by a tick of the day before.
    greatest(coalesce(s.subjects, 0), coalesce(p.subjects, 0)) AS subjects,
    coalesce(p.subjects, 0) AS planned,
    coalesce(s.looks, 0) AS looks
FROM seen AS s
FULL JOIN planned AS p ON s.tenant_id = p.tenant_id AND s.audience = p.audience
ORDER BY tenant_id, audience
