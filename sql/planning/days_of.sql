-- One row per moment with the local day it falls on and the day of its anchor; null days for exact offsets.
SELECT
    a.*,
    CASE WHEN s.minutes IS NULL THEN coalesce(a.anchor_on, local_date(a.anchor_at, a.zone)) END AS anchor_day,
    CASE WHEN s.minutes IS NULL THEN coalesce(a.anchor_on, local_date(a.anchor_at, a.zone)) + a.days END AS day
FROM addressed AS a
INNER JOIN steps AS s ON a.step_id = s.step_id
