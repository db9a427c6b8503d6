-- One row per tenant, campaign and subject drawn into a variant: until when it counts, and when it did what.
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
)

SELECT
    b.tenant_id,
    b.campaign,
    b.subject_id,
    b.variant,
    b.customer_id,
    b.first_due_at,
    b.until,
    b.ready,
    t.clicked_at,
    t.replied_at,
    t.delivered_at,
    t.opened_at,
    t.converted_at
FROM began AS b
INNER JOIN told AS t
    ON b.tenant_id = t.tenant_id AND b.campaign = t.campaign AND b.subject_id = t.subject_id
