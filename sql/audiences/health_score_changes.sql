-- One row per change, in the ranges asked for, of an account's health score.
WITH history AS (
    SELECT
        h.tenant_id,
        h.row_id,
        h.at,
        TRY_CAST(h.old AS BIGINT) AS before,
        TRY_CAST(h.new AS BIGINT) AS after,
        least(TRY_CAST(h.old AS BIGINT), TRY_CAST(h.new AS BIGINT)) AS lowest
    FROM changes AS h
    WHERE h.source = 'accounts' AND h."column" = 'health_score' AND h.at <= $as_of
),

-- What it was so many days ago is what the first change since then found.
scored AS (
    SELECT
        c.tenant_id,
        c.row_id,
        c.at,
        c.before,
        c.after,
        arg_min(h.before, h.at) FILTER (WHERE h.at > plus_minutes(c.at, -10080)) AS before_7_days,
        min(h.lowest) FILTER (WHERE h.at > plus_minutes(c.at, -10080)) AS lowest_7_days,
        arg_min(h.before, h.at) FILTER (WHERE h.at > plus_minutes(c.at, -43200)) AS before_30_days,
        min(h.lowest) FILTER (WHERE h.at > plus_minutes(c.at, -43200)) AS lowest_30_days,
        arg_min(h.before, h.at) FILTER (WHERE h.at > plus_minutes(c.at, -129600)) AS before_90_days,
        min(h.lowest) FILTER (WHERE h.at > plus_minutes(c.at, -129600)) AS lowest_90_days
    FROM history AS c
    INNER JOIN ranges AS r ON c.at BETWEEN r.lo AND r.hi
    INNER JOIN history AS h
        ON
            c.tenant_id = h.tenant_id
            AND c.row_id = h.row_id
            AND h.at <= c.at
            AND h.at > plus_minutes(c.at, -129600)
    GROUP BY c.tenant_id, c.row_id, c.at, c.before, c.after
)

SELECT
    f.*,
    f.account_id AS subject_id,
    f.account_key AS subject_text,
    s.at AS anchor,
    s.before,
    s.after,
    s.after - s.before AS change,
    CASE WHEN s.after > s.before THEN 'up' WHEN s.after < s.before THEN 'down' END AS direction,
    s.at AS changed_at,
    s.after - s.before_7_days AS change_7_days,
    s.after - s.before_30_days AS change_30_days,
    s.after - s.before_90_days AS change_90_days,
    s.lowest_7_days,
    s.lowest_30_days,
    s.lowest_90_days
FROM scored AS s
INNER JOIN account_facts AS f ON s.row_id = f.account_id AND s.tenant_id = f.tenant_id
