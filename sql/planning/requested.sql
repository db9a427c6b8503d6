-- One row per moment asked for by name: it falls due now, or as soon as its send window is open.
SELECT
    d.*,
    coalesce(
        CASE WHEN d.minutes IS NOT NULL THEN plus_minutes(d.base_at, d.minutes) ELSE l.instant END,
        CAST($as_of AS TIMESTAMPTZ)
    ) AS nominal_at,
    coalesce(d.anchor_at, n.instant) AS anchor_instant,
    greatest(CAST($as_of AS TIMESTAMPTZ), w.opens) AS due_at,
    plus_minutes(greatest(CAST($as_of AS TIMESTAMPTZ), w.opens), s.lateness_minutes) AS expires_at,
    false AS upcoming
FROM addressed AS d
INNER JOIN steps AS s ON d.place = s.place
LEFT JOIN local_times AS l ON d.zone = l.zone AND d.day = l.day AND d.clock = l.at
LEFT JOIN local_times AS n ON d.zone = n.zone AND d.anchor_day = n.day AND d.clock = n.at
LEFT JOIN slots AS w
    ON
        d.gate = w.gate
        AND CAST($as_of AS TIMESTAMPTZ) >= w.since
        AND CAST($as_of AS TIMESTAMPTZ) < w.closes
