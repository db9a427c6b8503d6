-- One row per UTC day of conversion, tenant, model, message and currency: conversions credited to messages.
WITH touches AS (
    SELECT
        m.tenant_id,
        m.customer_id,
        m.campaign,
        m.step,
        m.variant,
        m.channel,
        m.job_id,
        c.minutes,
        CASE WHEN c.clicked THEN m.clicked_at ELSE m.finished_at END AS touched_at
    FROM message_facts_window AS m
    INNER JOIN credited AS c ON m.purpose = c.purpose AND m.channel = c.channel
    -- What went to staff about a customer moved nobody to buy.
    WHERE m.state = 'completed' AND m.recipient_id = 0 AND m.finished_at >= $sent_since
),

before AS (
    SELECT
        v.conversion_id,
        t.campaign,
        t.step,
        t.variant,
        t.channel,
        row_number() OVER (PARTITION BY v.conversion_id ORDER BY t.touched_at DESC, t.job_id DESC) AS place,
        count(*) OVER (PARTITION BY v.conversion_id) AS places
    FROM conversion_facts AS v
    INNER JOIN touches AS t
        ON
            v.tenant_id = t.tenant_id
            AND v.customer_id = t.customer_id
            AND v.converted_at >= t.touched_at
            AND v.converted_at <= plus_minutes(t.touched_at, t.minutes)
),

models AS (
    SELECT 'last' AS model
    UNION ALL
    SELECT 'first' AS model
    UNION ALL
    SELECT 'even' AS model
),

-- A conversion is 2^20 parts: sums of them are exact, in whichever order they are made.
even AS (
    SELECT
        v.tenant_id,
        v.currency,
        v.cancelled_at,
        coalesce(v.amount, 0) AS amount,
        b.campaign,
        b.step,
        b.variant,
        b.channel,
        coalesce(b.place, 1) AS place,
        coalesce(b.places, 1) AS places,
        CAST(floor(1048576 / coalesce(b.places, 1)) AS BIGINT) AS parts,
        CAST(floor(coalesce(v.amount, 0) / coalesce(b.places, 1)) AS BIGINT) AS share
    FROM conversion_facts AS v
    LEFT JOIN before AS b ON v.conversion_id = b.conversion_id
),

shares AS (
    -- What cannot be split goes to the messages nearest to the conversion, one part or cent each.
    SELECT
        e.tenant_id,
        m.model,
        e.campaign,
        e.step,
        e.variant,
        e.channel,
        e.currency,
        e.cancelled_at IS NULL AS holds,
        CASE
            WHEN m.model <> 'even' THEN 1048576
            WHEN e.place <= 1048576 - e.parts * e.places THEN e.parts + 1
            ELSE e.parts
        END AS parts,
        CASE
            WHEN m.model <> 'even' THEN e.amount
            WHEN e.place <= e.amount - e.share * e.places THEN e.share + 1
            ELSE e.share
        END AS share
    FROM even AS e
    CROSS JOIN models AS m
    WHERE
        m.model = 'even'
        OR (m.model = 'last' AND e.place = 1)
        OR (m.model = 'first' AND e.place = e.places)
)

SELECT
    CAST($day AS DATE) AS day,
    tenant_id,
    model,
    campaign,
    step,
    variant,
    channel,
    currency,
    sum(CASE WHEN holds THEN parts ELSE 0 END) / 1048576.0 AS conversions,
    sum(CASE WHEN holds THEN share ELSE 0 END) AS revenue,
    sum(CASE WHEN holds THEN 0 ELSE parts END) / 1048576.0 AS cancelled,
    sum(CASE WHEN holds THEN 0 ELSE share END) AS cancelled_revenue
FROM shares
GROUP BY tenant_id, model, campaign, step, variant, channel, currency
ORDER BY tenant_id, model, campaign, step, variant, channel, currency
