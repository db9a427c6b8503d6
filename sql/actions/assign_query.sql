-- Gives one query to a member of the tenant's staff (assignee_id); `assign` in a step chooses one.
-- subject: queries
UPDATE queries
SET agent_id = :assignee_id,
    updated_at = CASE WHEN agent_id = :assignee_id THEN updated_at ELSE :now END
WHERE id = :subject_id
  AND tenant_id = :tenant_id
  AND EXISTS (SELECT 1 FROM users WHERE users.id = :assignee_id AND users.tenant_id = :tenant_id)
