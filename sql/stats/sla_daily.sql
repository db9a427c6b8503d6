-- One row per UTC day of the deadline and tenant: how the enquiries due that day were answered, as of $as_of.
WITH due AS (
    SELECT
        tenant_id,
        coalesce(escalation_level, 0) AS level,
        minutes_between(created_at, resolved_at) AS minutes,
        minutes_of(coalesce(resolved_at, $as_of)) - minutes_of(sla_due_at) AS minutes_over,
        CASE
            WHEN resolved_at <= sla_due_at THEN 'in_time'
            WHEN resolved_at > sla_due_at THEN 'late'
            WHEN status IN ('resolved', 'closed') THEN 'undated'
            WHEN sla_due_at <= $as_of THEN 'overdue'
            ELSE 'open'
        END AS answer
    FROM queries
    WHERE CAST(sla_due_at AS DATE) = CAST($day AS DATE)
)

SELECT
    CAST($day AS DATE) AS day,
    tenant_id,
    count(*) AS deadlines,
    sum(CASE WHEN answer = 'in_time' THEN 1 ELSE 0 END) AS resolved_in_time,
    sum(CASE WHEN answer IN ('late', 'overdue') THEN 1 ELSE 0 END) AS breaches,
    sum(CASE WHEN answer = 'overdue' THEN 1 ELSE 0 END) AS unresolved,
    sum(CASE WHEN answer = 'open' THEN 1 ELSE 0 END) AS not_yet_due,
    sum(CASE WHEN answer = 'undated' THEN 1 ELSE 0 END) AS undated,
    sum(CASE WHEN level >= 1 THEN 1 ELSE 0 END) AS escalated_1,
    sum(CASE WHEN level >= 2 THEN 1 ELSE 0 END) AS escalated_2,
    sum(CASE WHEN level >= 3 THEN 1 ELSE 0 END) AS escalated_3,
    sum(CASE WHEN level >= 4 THEN 1 ELSE 0 END) AS escalated_4,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes) AS median_minutes_to_resolve,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY minutes) AS p90_minutes_to_resolve,
    sum(CASE WHEN answer IN ('late', 'overdue') THEN minutes_over ELSE 0 END) AS minutes_over
FROM due
GROUP BY tenant_id
ORDER BY tenant_id
