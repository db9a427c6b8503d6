-- Sets the status of one query; what is resolved or closed does not go back to being worked on.
-- subject: queries
-- allows status: open, in_progress, resolved, closed
UPDATE queries
SET status = CASE WHEN status IN ('resolved', 'closed') AND :status = 'in_progress' THEN status ELSE :status END,
    resolved_at = CASE
        WHEN :status = 'open' THEN NULL
        WHEN :status IN ('resolved', 'closed') THEN coalesce(resolved_at, :now)
        ELSE resolved_at
    END,
    updated_at = CASE
        WHEN status = :status OR (status IN ('resolved', 'closed') AND :status = 'in_progress') THEN updated_at
        ELSE :now
    END
WHERE id = :subject_id
  AND tenant_id = :tenant_id
