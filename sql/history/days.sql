-- One row per day on the tenant's calendar and tenant, newest first: the moments of a campaign due that day.
WITH due AS (
    SELECT
        tenant_id,
        due_at,
        CASE
            WHEN state IN ('dead', 'unknown') THEN 'failed'
            WHEN state IN ('pending', 'processing') THEN 'pending'
            WHEN state = 'completed' THEN 'notified'
            ELSE 'skipped'
        END AS fate
    FROM moments
    UNION ALL
    SELECT
        tenant_id,
        due_at,
        'held' AS fate
    FROM held
),

dated AS (
    SELECT
        local_date(d.due_at, coalesce(p.profile ->> '$.time_zone', 'UTC')) AS day,
        d.tenant_id,
        d.fate
    FROM due AS d
    LEFT JOIN profiles AS p ON d.tenant_id = p.tenant_id
)

SELECT
    day,
    tenant_id,
    count(*) AS processed,
    sum(CASE WHEN fate = 'notified' THEN 1 ELSE 0 END) AS notified,
    sum(CASE WHEN fate = 'failed' THEN 1 ELSE 0 END) AS failed,
    sum(CASE WHEN fate = 'pending' THEN 1 ELSE 0 END) AS pending,
    sum(CASE WHEN fate = 'skipped' THEN 1 ELSE 0 END) AS skipped,
    sum(CASE WHEN fate = 'held' THEN 1 ELSE 0 END) AS held
FROM dated
GROUP BY day, tenant_id
ORDER BY day DESC, tenant_id
