-- Raises the escalation level of one query; a level once reached is never lowered.
-- subject: queries
-- types: level integer
-- allows level: 0, 1, 2, 3, 4
UPDATE queries
SET escalation_level = CASE WHEN coalesce(escalation_level, 0) < :level THEN :level ELSE escalation_level END,
    updated_at = CASE WHEN coalesce(escalation_level, 0) < :level THEN :now ELSE updated_at END
WHERE id = :subject_id
  AND tenant_id = :tenant_id
