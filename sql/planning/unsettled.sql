-- One row per moment in the window that is not settled; recipients are fixed when a step is first settled.
-- Of several anchors with one occurrence the first to fall due counts.
WITH ordered AS (
    SELECT
        d.*,
        row_number() OVER (
            PARTITION BY d.occurrence, d.tenant_id, d.step_id, d.subject_id, d.recipient_id
            ORDER BY d.due_at, d.candidate_id
        ) AS turn
    FROM due AS d
)

SELECT
    row_number() OVER () AS moment_id,
    m.*
FROM ordered AS m
ANTI JOIN settled AS k
    ON
        m.occurrence = k.occurrence
        AND m.tenant_id = k.tenant_id
        AND m.step_id = k.step_id
        AND m.subject_id = k.subject_id
WHERE m.turn = 1
