-- One row per piece of work for a member of staff.
SELECT
    id,
    tenant_id,
    title,
    description,
    assignee_id,
    customer_id,
    account_id,
    priority,
    status,
    due_on,
    created_at
FROM tasks
