-- One row per tenant and campaign with a holdout, and whether held out: who the draw put there, and who converted.
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
),

began AS (
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
),

-- Several subjects may be of one customer: what it buys counts for the latest of them alone.
purchases AS (
    SELECT
        b.tenant_id,
        b.campaign,
        b.subject_id,
        b.ready,
        c.amount,
        c.currency,
        row_number() OVER (
            PARTITION BY b.tenant_id, b.campaign, c.conversion_id ORDER BY b.first_due_at DESC, b.subject_id ASC
        ) AS place
    FROM began AS b
    INNER JOIN conversion_facts AS c
        ON
            b.tenant_id = c.tenant_id
            AND b.customer_id = c.customer_id
            AND c.converted_at >= b.first_due_at
            AND c.converted_at <= b.until
    WHERE c.cancelled_at IS NULL
),

bought AS (
    SELECT
        p.tenant_id,
        p.campaign,
        p.subject_id,
        sum(CASE WHEN p.currency = u.currency THEN p.amount END) AS amount,
        sum(CASE WHEN p.currency = u.currency THEN 0 ELSE 1 END) AS others
    FROM purchases AS p
    LEFT JOIN currencies AS u ON p.tenant_id = u.tenant_id
    WHERE p.place = 1 AND p.ready
    GROUP BY p.tenant_id, p.campaign, p.subject_id
)

SELECT
    b.tenant_id,
    b.campaign,
    b.held_out,
    coalesce(u.currency, 'XXX') AS currency,
    sum(CASE WHEN b.ready THEN 1 ELSE 0 END) AS subjects,
    sum(CASE WHEN b.ready THEN 0 ELSE 1 END) AS waiting,
    sum(CASE WHEN v.subject_id IS NULL THEN 0 ELSE 1 END) AS converted,
    sum(coalesce(v.amount, 0)) AS total,
    sum(CAST(coalesce(v.amount, 0) AS DOUBLE) * coalesce(v.amount, 0)) AS squares,
    sum(coalesce(v.others, 0)) AS others
FROM began AS b
LEFT JOIN bought AS v
    ON b.tenant_id = v.tenant_id AND b.campaign = v.campaign AND b.subject_id = v.subject_id
LEFT JOIN currencies AS u ON b.tenant_id = u.tenant_id
GROUP BY b.tenant_id, b.campaign, b.held_out, coalesce(u.currency, 'XXX')
ORDER BY b.tenant_id, b.campaign, b.held_out
