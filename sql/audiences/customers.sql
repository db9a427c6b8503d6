-- One row per customer there is.
SELECT
    c.tenant_id,
    c.id AS subject_id,
    c.id_text AS subject_text,
    c.id AS customer_id,
    CAST(NULL AS BIGINT) AS agent_id,
    c.first_name,
    c.segment,
    c.country,
    c.status,
    c.lifetime_value,
    c.created_at
FROM customers AS c
WHERE c.created_at <= $as_of
