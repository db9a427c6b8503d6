-- One row per tenant, timeline campaign and day of the timeline: how many subjects stand there.
SELECT
    tenant_id,
    campaign,
    timeline_day,
    max(timeline_days) AS timeline_days,
    count(*) AS subjects,
    sum(CASE WHEN state = 'running' THEN 1 ELSE 0 END) AS running,
    sum(CASE WHEN state = 'paused' THEN 1 ELSE 0 END) AS paused,
    sum(CASE WHEN state = 'stopped' THEN 1 ELSE 0 END) AS stopped,
    sum(CASE WHEN state = 'ended' THEN 1 ELSE 0 END) AS ended,
    sum(CASE WHEN state = 'finished' THEN 1 ELSE 0 END) AS finished,
    sum(steps_sent) AS steps_sent,
    sum(steps_failed) AS steps_failed
FROM workflow_runs
-- Who is held out as a control group is on no day of it.
WHERE timeline_day IS NOT NULL AND NOT held_out
GROUP BY tenant_id, campaign, timeline_day
ORDER BY tenant_id, campaign, timeline_day
