-- Adds a task that tells the team of one account of a coming status and its reason; none where it is the same.
-- requires: account_id
-- types: reason text
-- allows status: trial, onboarding, active, at_risk, churned
INSERT INTO tasks (
    id, tenant_id, title, description, assignee_id, customer_id, account_id, priority, status, due_on, created_at
)
SELECT
    :new_id,
    tenant_id,
    'Account ' || name || ' goes from ' || status || ' to ' || :status,
    :reason,
    coalesce(csm_id, owner_id),
    customer_id,
    id,
    'high',
    'open',
    :today,
    :now
FROM accounts
WHERE id = :account_id
  AND tenant_id = :tenant_id
  AND status <> :status
