-- One row per tenant, campaign with a holdout, and subject that the draw kept apart: where, and until when it counts.
WITH gate AS (
    SELECT
        tenant_id,
        campaign,
        subject_id,
        customer_id,
        due_at,
        job_id,
        state = 'skipped' AND reason = 'holdout' AS held_out
    FROM message_facts
    -- All that reached the draw, whatever became of it afterwards.
    WHERE
        state <> 'skipped'
        OR reason IN ('holdout', 'merged', 'capped', 'limited', 'expired', 'suppressed')
        OR (reason = 'stale' AND held_by = 'guarded')
),

begun AS (
    SELECT
        tenant_id,
        campaign,
        CAST(min(due_at) AS DATE) AS day
    FROM gate
    WHERE held_out
    GROUP BY tenant_id, campaign
),

placed AS (
    SELECT
        g.tenant_id,
        g.campaign,
        g.subject_id,
        g.customer_id,
        g.held_out,
        g.due_at,
        b.day,
        row_number() OVER (
            PARTITION BY g.tenant_id, g.campaign, g.subject_id ORDER BY g.due_at, g.job_id
        ) AS place
    FROM gate AS g
    INNER JOIN begun AS b ON g.tenant_id = b.tenant_id AND g.campaign = b.campaign
)

SELECT
    p.tenant_id,
    p.campaign,
    p.subject_id,
    p.customer_id,
    p.held_out,
    p.due_at AS first_due_at,
    plus_minutes(p.due_at, CAST($minutes AS BIGINT)) AS until,
    CAST(plus_minutes(p.due_at, CAST($minutes AS BIGINT)) AS DATE)
    < CAST(CAST($as_of AS TIMESTAMPTZ) AS DATE) AS ready
FROM placed AS p
-- Whom the campaign reached before it held anybody out is compared with nobody.
WHERE p.place = 1 AND CAST(p.due_at AS DATE) >= p.day
