-- One row per tenant, campaign and subject of `began` whose time is up and who bought in it: for how much.
-- Several subjects may be of one customer: what it buys counts for the latest of them alone.
WITH purchases AS (
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
)

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
