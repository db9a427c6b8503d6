-- One row per stay of a subject in a segment: since when, and until when, as far as looks can tell.
WITH looks AS (
    SELECT
        audience,
        campaign,
        day,
        lag(day) OVER (PARTITION BY audience, campaign ORDER BY day) AS before
    FROM (SELECT DISTINCT audience, campaign, day FROM segment_daily) AS d
),

latest AS (
    SELECT
        audience,
        campaign,
        max(day) AS day
    FROM looks
    GROUP BY audience, campaign
),

ordered AS (
    SELECT
        *,
        lag(change) OVER (PARTITION BY tenant_id, audience, campaign, subject_id ORDER BY day) AS former
    FROM segment_changes
),

turns AS (
    SELECT
        *,
        lead(day) OVER (PARTITION BY tenant_id, audience, campaign, subject_id ORDER BY day) AS next_day
    FROM ordered
    -- A day that was restated alone may say again what is known.
    WHERE change <> coalesce(former, 'left')
)

SELECT
    t.tenant_id,
    t.audience,
    t.campaign,
    t.subject_id,
    t.day AS entered_on,
    coalesce(l.before, n.day, t.day) AS last_seen_on,
    t.next_day AS left_on
FROM turns AS t
LEFT JOIN looks AS l ON t.audience = l.audience AND t.campaign = l.campaign AND t.next_day = l.day
LEFT JOIN latest AS n ON t.audience = n.audience AND t.campaign = n.campaign AND t.next_day IS NULL
WHERE t.change = 'entered'
ORDER BY t.tenant_id, t.audience, t.campaign, t.subject_id, t.day
