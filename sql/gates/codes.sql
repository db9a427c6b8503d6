-- One row per moment that gets a code of its own: which one, or that there is none left.
WITH ranked AS (
    SELECT
        p.moment_id,
        c.coupons AS pool,
        row_number() OVER (
            PARTITION BY c.coupons
            ORDER BY p.due_at, p.subject_id, p.occurrence, p.tenant_id, p.step_id, p.recipient_id
        ) AS turn
    FROM passing AS p
    INNER JOIN policies AS c ON p.campaign_id = c.campaign_id
    WHERE c.coupons IS NOT NULL AND p.address_hash IS NOT NULL
),

next AS (
    SELECT
        f.pool,
        f.code,
        row_number() OVER (PARTITION BY f.pool ORDER BY f.place) AS turn
    FROM codes AS f
)

SELECT
    r.moment_id,
    CASE WHEN n.code IS NULL THEN 'limited' END AS reason,
    CASE WHEN n.code IS NULL THEN 'no code left in pool ' || r.pool END AS limited_by,
    r.pool,
    n.code AS coupon
FROM ranked AS r
LEFT JOIN next AS n ON r.pool = n.pool AND r.turn = n.turn
