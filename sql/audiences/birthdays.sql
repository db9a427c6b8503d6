-- One row per customer and birthday among the days asked for; `days` already says which day observes 29 February.
SELECT
    c.tenant_id,
    c.id AS subject_id,
    c.id_text AS subject_text,
    c.id AS customer_id,
    c.agent_id,
    d.day AS anchor,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    c.segment,
    c.country,
    c.status,
    c.lifetime_value,
    c.pipeline_stage,
    CAST(year(d.day) - year(c.birthday) AS BIGINT) AS age
FROM customers AS c
INNER JOIN days AS d ON strftime(c.birthday, '%m-%d') = d.month_day
WHERE c.merged_into IS NULL AND year(d.day) > year(c.birthday)
