-- One row per moment in the window that is not settled; recipients are fixed when a step is first settled.
SELECT
    row_number() OVER () AS moment_id,
    m.*
FROM due AS m
ANTI JOIN settled AS k
    ON
        m.occurrence = k.occurrence
        AND m.tenant_id = k.tenant_id
        AND m.step_id = k.step_id
        AND m.subject_id = k.subject_id
