-- One row per document a customer uploaded.
SELECT
    id,
    tenant_id,
    customer_id,
    booking_id,
    kind,
    uploaded_at
FROM documents
