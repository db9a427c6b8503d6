-- One row per moment given to whoever has the least to do then; each sees what those before it got.
WITH ranked AS (
    SELECT
        p.moment_id,
        p.tenant_id,
        row_number() OVER (
            PARTITION BY p.tenant_id ORDER BY p.due_at, p.subject_id, p.occurrence, p.step_id, p.recipient_id
        ) AS turn
    FROM passing AS p
),

loaded AS (
    SELECT
        s.tenant_id,
        s.user_id,
        coalesce(l.load, 0) AS load
    FROM seats AS s
    LEFT JOIN loads AS l ON s.tenant_id = l.tenant_id AND s.user_id = l.user_id
),

-- How high the load can rise when all moments are given out: nobody is filled beyond that.
bounds AS (
    SELECT
        l.tenant_id,
        greatest(max(l.load), CAST(ceil((sum(l.load) + max(n.moments)) / count(*)) AS BIGINT)) AS highest
    FROM loaded AS l
    INNER JOIN (SELECT r.tenant_id, count(*) AS moments FROM ranked AS r GROUP BY r.tenant_id) AS n
        ON l.tenant_id = n.tenant_id
    GROUP BY l.tenant_id
),

-- The places in the order in which they are filled: the least loaded first, then the lowest id.
places AS (
    SELECT
        f.tenant_id,
        f.user_id,
        row_number() OVER (PARTITION BY f.tenant_id ORDER BY f.level, f.user_id) AS turn
    FROM (
        SELECT
            l.tenant_id,
            l.user_id,
            unnest(generate_series(l.load, b.highest)) AS level
        FROM loaded AS l
        INNER JOIN bounds AS b ON l.tenant_id = b.tenant_id
    ) AS f
)

SELECT
    r.moment_id,
    p.user_id AS assignee_id
FROM ranked AS r
INNER JOIN places AS p ON r.tenant_id = p.tenant_id AND r.turn = p.turn
