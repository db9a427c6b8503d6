-- One row per planning run that judged moments of a campaign, newest first: how many, and what became of them.
WITH judged AS (
    SELECT
        run_id,
        mode,
        as_of,
        moments,
        CASE
            WHEN state IN ('dead', 'unknown') THEN 'failed'
            WHEN state IN ('pending', 'processing') THEN 'pending'
            WHEN state = 'completed' THEN 'notified'
            ELSE 'skipped'
        END AS fate,
        failed_job
    FROM tallies
    UNION ALL
    -- An open moment is recorded by the run that judged it first, and whenever its reason changed.
    SELECT
        run_id,
        mode,
        as_of,
        1 AS moments,
        'held' AS fate,
        CAST(NULL AS BIGINT) AS failed_job
    FROM judged_open
),

sums AS (
    SELECT
        as_of,
        run_id,
        mode,
        sum(moments) AS processed,
        sum(CASE WHEN fate = 'notified' THEN moments ELSE 0 END) AS notified,
        sum(CASE WHEN fate = 'failed' THEN moments ELSE 0 END) AS failed,
        sum(CASE WHEN fate = 'pending' THEN moments ELSE 0 END) AS pending,
        sum(CASE WHEN fate = 'skipped' THEN moments ELSE 0 END) AS skipped,
        sum(CASE WHEN fate = 'held' THEN moments ELSE 0 END) AS held,
        max(failed_job) AS failed_job
    FROM judged
    GROUP BY as_of, run_id, mode
)

SELECT
    as_of,
    run_id,
    mode,
    CASE
        WHEN failed > 0 THEN 'failed'
        WHEN pending > 0 THEN 'running'
        WHEN notified > 0 THEN 'success'
        ELSE 'skipped'
    END AS state,
    processed,
    notified,
    failed,
    pending,
    skipped,
    held,
    failed_job
FROM sums
ORDER BY as_of DESC, run_id
