-- Adds points, or takes them for a negative number, to the health score of one account; it stays in 0-100.
-- requires: account_id
-- types: points integer
-- undo: points
UPDATE accounts
SET health_score = CASE
        WHEN health_score + :points > 100 THEN 100
        WHEN health_score + :points < 0 THEN 0
        ELSE health_score + :points
    END,
    updated_at = :now
WHERE id = :account_id
  AND tenant_id = :tenant_id
