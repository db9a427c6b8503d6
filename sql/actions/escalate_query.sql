-- Escalates one unresolved query to a level, and raises its priority: high, from level 3 on urgent. Nothing is lowered.
-- subject: queries
-- types: level integer
-- allows level: 1, 2, 3, 4
UPDATE queries
SET escalation_level = CASE WHEN coalesce(escalation_level, 0) < :level THEN :level ELSE escalation_level END,
    priority = CASE
        WHEN status IN ('resolved', 'closed') OR priority = 'urgent' THEN priority
        WHEN :level >= 3 THEN 'urgent'
        ELSE 'high'
    END,
    updated_at = :now
WHERE id = :subject_id
  AND tenant_id = :tenant_id
