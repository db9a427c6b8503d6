-- One row per start by hand, in the ranges asked for, of a campaign for a customer.
SELECT
    c.tenant_id,
    c.id AS subject_id,
    c.id_text AS subject_text,
    c.id AS customer_id,
    c.agent_id,
    s.at AS anchor,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    c.segment,
    c.country,
    c.status,
    c.lifetime_value,
    c.pipeline_stage,
    s.campaign,
    s.at AS started_at,
    c.created_at
FROM interventions AS s
INNER JOIN ranges AS r ON s.at BETWEEN r.lo AND r.hi
INNER JOIN customers AS c ON s.subject_id = c.id AND s.tenant_id = c.tenant_id
WHERE c.merged_into IS NULL AND s.kind = 'start' AND s.at <= $as_of
