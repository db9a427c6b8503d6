-- One row per moment whose turn it is with everybody who counts it, and the cap it would exceed, if any.
WITH firsts AS (
    SELECT
        b.*,
        min(b.turn) OVER (PARTITION BY b.cap_id, b.person) AS first_turn
    FROM bids AS b
),

next AS (
    SELECT f.moment_id
    FROM firsts AS f
    GROUP BY f.moment_id
    HAVING bool_and(f.turn = f.first_turn)
),

-- The spans that would hold the moment end with it, or with a message after it that was let go before.
spans AS (
    SELECT f.moment_id, f.cap_id, f.person, f.count, f.minutes, f.at AS until
    FROM firsts AS f
    INNER JOIN next AS n ON f.moment_id = n.moment_id
    UNION
    SELECT f.moment_id, f.cap_id, f.person, f.count, f.minutes, t.at AS until
    FROM firsts AS f
    INNER JOIN next AS n ON f.moment_id = n.moment_id
    INNER JOIN taken AS t ON f.cap_id = t.cap_id AND f.person = t.person AND t.at > f.at AND t.at < f.at + f.minutes
),

full_spans AS (
    SELECT s.moment_id, s.cap_id
    FROM spans AS s
    INNER JOIN taken AS t
        ON s.cap_id = t.cap_id AND s.person = t.person AND t.at > s.until - s.minutes AND t.at <= s.until
    GROUP BY s.moment_id, s.cap_id, s.person, s.count, s.until
    HAVING count(*) >= s.count
)

SELECT
    n.moment_id,
    min(f.cap_id) AS cap_id
FROM next AS n
LEFT JOIN full_spans AS f ON n.moment_id = f.moment_id
GROUP BY n.moment_id
