-- One row per enquiry that was escalated: the highest level it reached, when, and how many people were told.
WITH reached AS (
    SELECT
        d.id,
        d.tenant_id,
        d.subject_id,
        d.recipient_id,
        d.finished_at,
        l.level
    FROM done AS d
    INNER JOIN levels AS l ON d.campaign = l.campaign AND d.step = l.step
),

highest AS (
    SELECT
        tenant_id,
        subject_id,
        max(level) AS level,
        count(DISTINCT CASE WHEN recipient_id <> 0 THEN recipient_id END) AS told,
        max(id) AS job_id
    FROM reached
    GROUP BY tenant_id, subject_id
)

SELECT
    h.tenant_id,
    h.subject_id,
    h.level,
    min(r.finished_at) AS escalated_at,
    h.told,
    h.job_id
FROM highest AS h
INNER JOIN reached AS r ON h.tenant_id = r.tenant_id AND h.subject_id = r.subject_id AND h.level = r.level
GROUP BY h.tenant_id, h.subject_id, h.level, h.told, h.job_id
ORDER BY escalated_at DESC, h.tenant_id, h.subject_id
