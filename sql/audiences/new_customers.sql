-- One row per customer added in the ranges asked for.
SELECT
    c.tenant_id,
    c.id AS subject_id,
    c.id_text AS subject_text,
    c.id AS customer_id,
    c.agent_id,
    c.created_at AS anchor,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    c.segment,
    c.country,
    c.status,
    c.lifetime_value,
    c.pipeline_stage,
    c.created_at
FROM customers AS c
INNER JOIN ranges AS r ON c.created_at BETWEEN r.lo AND r.hi
WHERE c.merged_into IS NULL AND c.created_at <= $as_of
