-- One row per moment: a candidate for one recipient, with the local day and time at which it counts.
-- `day` and `anchor_day` are null where the offset is exact.
WITH placed AS (
    SELECT
        c.*,
        r.recipient_id,
        CASE WHEN r.is_customer THEN k.email ELSE u.email END AS raw_address,
        CASE WHEN r.is_customer THEN k.name ELSE u.name END AS recipient_name,
        CASE WHEN r.is_customer THEN k.first_name END AS recipient_first_name,
        coalesce(r.is_customer AND k.email_opt_out, false) AS opted_out,
        CASE s.zone
            WHEN 'tenant' THEN t.time_zone
            WHEN 'recipient' THEN coalesce(CASE WHEN r.is_customer THEN k.time_zone END, t.time_zone)
            ELSE s.zone
        END AS zone,
        CASE s.window_zone
            WHEN 'recipient' THEN coalesce(CASE WHEN r.is_customer THEN k.time_zone END, t.time_zone)
            WHEN 'tenant' THEN t.time_zone
            ELSE s.window_zone
        END AS window_zone,
        coalesce(s.clock, t.send_time) AS clock,
        t.active AS tenant_active
    FROM candidates AS c
    INNER JOIN steps AS s ON c.place = s.place
    INNER JOIN tenants AS t ON c.tenant_id = t.id
    INNER JOIN recipients AS r ON c.candidate_id = r.candidate_id
    LEFT JOIN customers AS k ON r.is_customer AND c.customer_id = k.id AND c.tenant_id = k.tenant_id
    LEFT JOIN users AS u ON NOT r.is_customer AND r.recipient_id = u.id AND c.tenant_id = u.tenant_id
)

SELECT
    p.*,
    CASE WHEN s.minutes IS NULL THEN coalesce(p.anchor_on, shifted_date(p.anchor_at, o.seconds)) END AS anchor_day,
    CASE WHEN s.minutes IS NULL THEN coalesce(p.anchor_on, shifted_date(p.anchor_at, o.seconds)) + p.days END AS day
FROM placed AS p
INNER JOIN steps AS s ON p.place = s.place
LEFT JOIN offsets AS o ON p.zone = o.zone AND p.anchor_at >= o.since AND p.anchor_at < o.until
