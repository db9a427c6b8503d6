-- Sets the status of one account and tells its team by a task, with the reason, when that is a change.
-- requires: account_id
-- before: note_account_status
-- allows status: trial, onboarding, active, at_risk, churned
UPDATE accounts
SET status = :status,
    updated_at = CASE WHEN status = :status THEN updated_at ELSE :now END
WHERE id = :account_id
  AND tenant_id = :tenant_id
