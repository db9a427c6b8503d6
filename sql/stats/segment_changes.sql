-- One row per subject that entered or left a segment: by the last look of the day, against the one before.
SELECT
    CAST($day AS DATE) AS day,
    coalesce(n.tenant_id, b.tenant_id) AS tenant_id,
    coalesce(n.audience, b.audience) AS audience,
    coalesce(n.campaign, b.campaign) AS campaign,
    coalesce(n.subject_id, b.subject_id) AS subject_id,
    CASE WHEN b.subject_id IS NULL THEN 'entered' ELSE 'left' END AS change
FROM segments_seen AS n
FULL JOIN segments_before AS b
    ON
        n.tenant_id = b.tenant_id
        AND n.audience = b.audience
        AND n.campaign = b.campaign
        AND n.subject_id = b.subject_id
-- What nobody looked at, nobody left.
INNER JOIN segments_looked_at AS s
    ON coalesce(n.audience, b.audience) = s.audience AND coalesce(n.campaign, b.campaign) = s.campaign
WHERE n.subject_id IS NULL OR b.subject_id IS NULL
UNION ALL
-- Its files are gone: what was seen in them stays.
SELECT
    CAST($day AS DATE) AS day,
    f.tenant_id,
    f.audience,
    f.campaign,
    f.subject_id,
    f.change
FROM segment_changes_filed AS f
LEFT JOIN segments_looked_at AS s ON f.audience = s.audience AND f.campaign = s.campaign
WHERE s.audience IS NULL
ORDER BY tenant_id, audience, campaign, subject_id
