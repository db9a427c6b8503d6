-- One row per moment given to somebody in rounds: after whoever had the last one of the step, one by one.
WITH ranked AS (
    SELECT
        p.moment_id,
        p.tenant_id,
        p.step_id,
        p.place,
        row_number() OVER (
            PARTITION BY p.tenant_id, p.step_id ORDER BY p.due_at, p.subject_id, p.occurrence, p.recipient_id
        ) - 1 AS turn
    FROM passing AS p
    INNER JOIN assigns AS a ON p.place = a.place
    WHERE a.strategy <> 'least_loaded'
),

-- Where the round stood: at the first seat behind the one that had the last.
starts AS (
    SELECT
        s.place,
        s.tenant_id,
        t.step_id,
        count(CASE WHEN s.user_id <= l.assignee_id THEN 1 END) AS start
    FROM seats AS s
    INNER JOIN steps AS t ON s.place = t.place
    LEFT JOIN latest AS l ON t.step_id = l.step_id AND s.tenant_id = l.tenant_id
    GROUP BY s.place, s.tenant_id, t.step_id
)

SELECT
    r.moment_id,
    s.user_id AS assignee_id
FROM ranked AS r
INNER JOIN starts AS g ON r.place = g.place AND r.tenant_id = g.tenant_id
INNER JOIN seats AS s
    ON r.place = s.place AND r.tenant_id = s.tenant_id AND s.seat = (g.start + r.turn) % s.seats
