-- One row per customer there is.
SELECT
    c.tenant_id,
    c.id AS subject_id,
    c.id_text AS subject_text,
    c.id AS customer_id,
    c.agent_id,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    c.segment,
    c.country,
    c.status,
    c.lifetime_value,
    c.pipeline_stage,
    c.id_text AS customer_key,
    c.created_at
FROM customers AS c
WHERE c.merged_into IS NULL AND c.created_at <= $as_of
