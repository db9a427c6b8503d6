-- One row per run of a campaign (tenant, subject, occurrence), newest first: where it stands as of $as_of.
WITH fates AS (
    SELECT
        id AS job_id,
        tenant_id,
        subject_id,
        CAST(NULL AS VARCHAR) AS subject_text,
        occurrence,
        step,
        reason,
        due_at,
        finished_at,
        was_planned(state, reason) AS planned,
        CASE
            WHEN state IN ('dead', 'unknown') THEN 'failed'
            WHEN state IN ('skipped', 'cancelled') THEN 'skipped'
            ELSE state
        END AS fate
    FROM moments
    UNION ALL
    SELECT
        CAST(NULL AS BIGINT) AS job_id,
        tenant_id,
        subject_id,
        subject_text,
        occurrence,
        step,
        reason,
        due_at,
        CAST(NULL AS TIMESTAMPTZ) AS finished_at,
        false AS planned,
        'held' AS fate
    FROM held
),

sums AS (
    SELECT
        f.tenant_id,
        f.subject_id,
        f.occurrence,
        max(f.subject_text) AS subject_text,
        min(f.due_at) AS first_at,
        max(f.finished_at) AS last_at,
        max(f.due_at) AS last_due_at,
        -- Of the step that lies furthest, how far the campaign goes on after it.
        min(coalesce(t.minutes, 0)) AS tail_minutes,
        sum(CASE WHEN f.fate = 'completed' THEN 1 ELSE 0 END) AS done,
        sum(CASE WHEN f.fate = 'failed' THEN 1 ELSE 0 END) AS failed,
        sum(CASE WHEN f.fate = 'skipped' THEN 1 ELSE 0 END) AS skipped,
        sum(CASE WHEN f.fate IN ('pending', 'processing') THEN 1 ELSE 0 END) AS pending,
        sum(CASE WHEN f.fate = 'processing' THEN 1 ELSE 0 END) AS processing,
        sum(CASE WHEN f.fate = 'held' THEN 1 ELSE 0 END) AS held,
        max_by(f.reason, CASE WHEN f.reason IS NOT NULL THEN f.due_at END) AS reason,
        max(CASE WHEN f.planned THEN f.job_id END) AS job_id,
        max(CASE WHEN f.fate = 'failed' THEN f.job_id END) AS failed_job
    FROM fates AS f
    LEFT JOIN tails AS t ON f.step = t.step
    GROUP BY f.tenant_id, f.subject_id, f.occurrence
)

SELECT
    tenant_id,
    subject_id,
    subject_text,
    occurrence,
    CASE
        WHEN failed > 0 THEN 'failed'
        WHEN processing > 0 THEN 'running'
        WHEN done > 0 AND pending > 0 THEN 'running'
        WHEN done > 0 AND $active AND held > 0 THEN 'running'
        WHEN
            done > 0 AND $active AND tail_minutes > 0 AND plus_minutes(last_due_at, tail_minutes) > $as_of
            THEN 'running'
        WHEN pending > 0 THEN 'queued'
        WHEN done > 0 THEN 'success'
        ELSE 'skipped'
    END AS state,
    first_at,
    last_at,
    done,
    failed,
    skipped,
    pending,
    held,
    reason,
    job_id,
    failed_job
FROM sums
ORDER BY first_at DESC, tenant_id, subject_id, occurrence DESC
