-- One row per enquiry of a customer.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    s.created_at AS at,
    s.destination,
    s.status,
    s.priority
FROM queries AS s
