-- Adds a task to call the customer that the campaign concerns, due that day, for the agent who looks after them.
-- optional: description
-- types: title text, description text
INSERT INTO tasks (
    id, tenant_id, title, description, assignee_id, customer_id, account_id, priority, status, due_on, created_at
)
VALUES (
    :new_id,
    :tenant_id,
    :title,
    :description,
    (
        SELECT customers.agent_id
        FROM customers
        WHERE customers.id = :customer_id
          AND customers.tenant_id = :tenant_id
    ),
    :customer_id,
    :account_id,
    'medium',
    'open',
    :today,
    :now
)
