-- One row per member of staff to whom a step may give something, in the order of a round; seats count from 0.
SELECT
    a.place,
    u.tenant_id,
    u.id AS user_id,
    row_number() OVER (PARTITION BY a.place, u.tenant_id ORDER BY u.id) - 1 AS seat,
    count(*) OVER (PARTITION BY a.place, u.tenant_id) AS seats
FROM assigns AS a
INNER JOIN users AS u
    ON
        u.active
        AND CASE
            WHEN a.strategy = 'user' THEN u.id_text = a.user_key
            ELSE u.role = a.role AND coalesce(a.department, u.department, '') = coalesce(u.department, '')
        END
