-- One row per statement of a customer on being written to.
SELECT
    id,
    tenant_id,
    customer_id,
    channel,
    topic,
    state,
    consents.at
FROM consents
