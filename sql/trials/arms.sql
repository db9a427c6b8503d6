-- One row per tenant, campaign and variant: who was drawn into it, and how many did what in their time.
WITH drawn AS (
    SELECT
        m.tenant_id,
        m.campaign,
        m.subject_id,
        m.occurrence,
        m.variant,
        m.customer_id,
        -- What staff do with a message about a customer is not the customer's doing.
        m.recipient_id = 0 OR m.customer_id IS NULL AS own,
        m.due_at,
        m.clicked_at,
        m.replied_at,
        m.delivered_at,
        m.opened_at,
        m.told_converted_at,
        t.minutes,
        row_number() OVER (
            PARTITION BY m.tenant_id, m.campaign, m.subject_id ORDER BY m.due_at, m.job_id
        ) AS place
    FROM message_facts AS m
    INNER JOIN trials AS t ON m.campaign = t.campaign
    -- Who is held out is in no arm.
    WHERE m.variant IS NOT NULL AND (m.reason IS NULL OR m.reason <> 'holdout')
),

began AS (
    SELECT
        d.tenant_id,
        d.campaign,
        d.subject_id,
        d.variant,
        d.customer_id,
        d.due_at AS first_due_at,
        plus_minutes(d.due_at, d.minutes) AS until,
        -- By whole days, so that arms with other times of day are ready together.
        CAST(plus_minutes(d.due_at, d.minutes) AS DATE) < CAST(CAST($as_of AS TIMESTAMPTZ) AS DATE) AS ready
    FROM drawn AS d
    -- Once there is a winner the rest gets it: that is no draw. Without one it is drawn like the others.
    LEFT JOIN promoted AS p
        ON
            d.tenant_id = p.tenant_id
            AND d.campaign = p.campaign
            AND (p.occurrence = 0 OR d.occurrence = p.occurrence)
            AND d.due_at >= p.decided_at
            AND p.winner IS NOT NULL
    WHERE d.place = 1 AND p.campaign IS NULL
),

told AS (
    SELECT
        tenant_id,
        campaign,
        subject_id,
        min(CASE WHEN own THEN clicked_at END) AS clicked_at,
        min(CASE WHEN own THEN replied_at END) AS replied_at,
        min(CASE WHEN own THEN delivered_at END) AS delivered_at,
        min(CASE WHEN own THEN opened_at END) AS opened_at,
        min(CASE WHEN own THEN told_converted_at END) AS converted_at
    FROM drawn
    GROUP BY tenant_id, campaign, subject_id
),

-- Several subjects may be of one customer: what it buys counts for the latest of them alone.
purchases AS (
    SELECT
        b.tenant_id,
        b.campaign,
        b.subject_id,
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
        sum(CASE WHEN p.currency = u.currency THEN p.amount END) AS amount
    FROM purchases AS p
    LEFT JOIN currencies AS u ON p.tenant_id = u.tenant_id
    WHERE p.place = 1
    GROUP BY p.tenant_id, p.campaign, p.subject_id
),

did AS (
    SELECT
        b.tenant_id,
        b.campaign,
        b.variant,
        b.ready,
        coalesce(t.clicked_at <= b.until, false) AS clicked,
        coalesce(t.replied_at <= b.until, false) AS replied,
        coalesce(t.delivered_at <= b.until, false) AS delivered,
        coalesce(t.opened_at <= b.until, false) AS opened,
        v.subject_id IS NOT NULL OR coalesce(t.converted_at <= b.until, false) AS converted,
        coalesce(v.amount, 0) AS amount
    FROM began AS b
    INNER JOIN told AS t
        ON b.tenant_id = t.tenant_id AND b.campaign = t.campaign AND b.subject_id = t.subject_id
    LEFT JOIN bought AS v
        ON b.tenant_id = v.tenant_id AND b.campaign = v.campaign AND b.subject_id = v.subject_id
)

SELECT
    d.tenant_id,
    d.campaign,
    d.variant,
    u.currency,
    sum(CASE WHEN d.ready THEN 1 ELSE 0 END) AS subjects,
    sum(CASE WHEN d.ready THEN 0 ELSE 1 END) AS waiting,
    sum(CASE WHEN d.ready AND d.clicked THEN 1 ELSE 0 END) AS clicked,
    sum(CASE WHEN d.ready AND d.replied THEN 1 ELSE 0 END) AS replied,
    sum(CASE WHEN d.ready AND d.delivered THEN 1 ELSE 0 END) AS delivered,
    sum(CASE WHEN d.ready AND d.opened THEN 1 ELSE 0 END) AS opened,
    sum(CASE WHEN d.ready AND d.converted THEN 1 ELSE 0 END) AS converted,
    sum(CASE WHEN d.ready THEN d.amount ELSE 0 END) AS total,
    sum(CASE WHEN d.ready THEN CAST(d.amount AS DOUBLE) * d.amount ELSE 0 END) AS squares
FROM did AS d
LEFT JOIN currencies AS u ON d.tenant_id = u.tenant_id
GROUP BY d.tenant_id, d.campaign, d.variant, u.currency
ORDER BY d.tenant_id, d.campaign, d.variant
