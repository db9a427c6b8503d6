-- One row per customer whose last activity lies in the ranges asked for, where the tenant re-engages.
SELECT
    c.tenant_id,
    c.id AS subject_id,
    c.id_text AS subject_text,
    c.id AS customer_id,
    c.agent_id,
    c.last_activity_at AS anchor,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    c.segment,
    c.country,
    c.status,
    c.lifetime_value,
    c.pipeline_stage,
    local_date(c.last_activity_at, t.time_zone) AS last_activity_on,
    s.inactivity_days
FROM customers AS c
INNER JOIN tenants AS t ON c.tenant_id = t.id
INNER JOIN settings AS s ON c.tenant_id = s.tenant_id
INNER JOIN ranges AS r ON c.last_activity_at BETWEEN r.lo AND r.hi
WHERE
    c.merged_into IS NULL AND s.re_engagement_enabled AND s.inactivity_days IS NOT NULL
    AND c.created_at <= $as_of AND c.last_activity_at <= $as_of
