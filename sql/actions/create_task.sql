-- Adds a task for a member of the tenant's staff, about the customer or account that the campaign concerns.
-- optional: description, assignee_id, due_on, priority
-- types: title text, description text, due_on date
-- allows priority: low, medium, high
INSERT INTO tasks (
    id, tenant_id, title, description, assignee_id, customer_id, account_id, priority, status, due_on, created_at
)
VALUES (
    :new_id,
    :tenant_id,
    :title,
    :description,
    (SELECT users.id FROM users WHERE users.id = :assignee_id AND users.tenant_id = :tenant_id),
    :customer_id,
    :account_id,
    coalesce(:priority, 'medium'),
    'open',
    :due_on,
    :now
)
