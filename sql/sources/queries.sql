-- One row per enquiry with the deadline by which it must be answered.
SELECT
    id,
    tenant_id,
    customer_id,
    agent_id,
    title,
    destination,
    status,
    priority,
    escalation_level,
    created_at,
    sla_due_at,
    resolved_at,
    updated_at
FROM queries
