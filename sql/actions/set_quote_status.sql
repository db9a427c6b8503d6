-- Sets the status of one quote while it is open; what the customer or the agent has decided stays.
-- subject: quotes
-- allows status: sent, viewed, accepted, rejected, expired
UPDATE quotes
SET status = CASE WHEN status IN ('sent', 'viewed') THEN :status ELSE status END,
    updated_at = CASE WHEN status IN ('sent', 'viewed') THEN :now ELSE updated_at END
WHERE id = :subject_id
  AND tenant_id = :tenant_id
