-- One row per document a customer uploaded.
SELECT
    s.tenant_id,
    s.customer_id,
    CAST(NULL AS BIGINT) AS account_id,
    s.uploaded_at AS at,
    s.kind
FROM documents AS s
