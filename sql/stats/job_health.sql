-- One row per UTC day, channel and tenant: the jobs due that day, where they are and how late they finished.
SELECT
    CAST($day AS DATE) AS day,
    channel,
    tenant_id,
    count(*) AS jobs,
    sum(CASE WHEN state = 'pending' THEN 1 ELSE 0 END) AS waiting,
    sum(CASE WHEN state = 'processing' THEN 1 ELSE 0 END) AS processing,
    sum(CASE WHEN state = 'completed' THEN 1 ELSE 0 END) AS completed,
    sum(CASE WHEN state = 'dead' THEN 1 ELSE 0 END) AS dead,
    sum(CASE WHEN state = 'unknown' THEN 1 ELSE 0 END) AS unknown,
    sum(CASE WHEN state = 'skipped' THEN 1 ELSE 0 END) AS skipped,
    sum(CASE WHEN state = 'cancelled' THEN 1 ELSE 0 END) AS cancelled,
    sum(attempts) AS attempts,
    sum(CASE WHEN attempts > 1 THEN 1 ELSE 0 END) AS retried,
    percentile_cont(0.5) WITHIN GROUP (
        ORDER BY CASE WHEN state = 'completed' THEN minutes_between(due_at, finished_at) END
    ) AS p50_minutes,
    percentile_cont(0.95) WITHIN GROUP (
        ORDER BY CASE WHEN state = 'completed' THEN minutes_between(due_at, finished_at) END
    ) AS p95_minutes
FROM message_facts
-- Settled by planning means it never was a job.
WHERE was_planned(state, reason)
GROUP BY channel, tenant_id
ORDER BY channel, tenant_id
