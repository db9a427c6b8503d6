-- Sets the status of one booking while it is confirmed; what is cancelled or completed stays so.
-- subject: bookings
-- allows status: confirmed, cancelled, completed
UPDATE bookings
SET status = CASE WHEN status = 'confirmed' THEN :status ELSE status END,
    updated_at = CASE WHEN status = 'confirmed' AND :status <> 'confirmed' THEN :now ELSE updated_at END
WHERE id = :subject_id
  AND tenant_id = :tenant_id
