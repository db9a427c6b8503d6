-- One row per moment: a candidate for one recipient, with the local day and time at which it counts.
-- `day` and `anchor_day` are null where the offset is exact.
WITH placed AS (
    SELECT
        c.*,
        r.recipient_id,
        r.recipient_kind,
        r.person_id,
        coalesce(k.time_zone, n.time_zone, t.time_zone) AS person_zone,
        k.country,
        CASE c.zone_rule
            WHEN 'tenant' THEN t.time_zone
            WHEN 'recipient' THEN coalesce(k.time_zone, n.time_zone, t.time_zone)
            ELSE c.zone_rule
        END AS zone,
        CASE s.window_zone
            WHEN 'recipient' THEN coalesce(k.time_zone, n.time_zone, t.time_zone)
            WHEN 'tenant' THEN t.time_zone
            ELSE s.window_zone
        END AS window_zone,
        coalesce(c.own_clock, t.send_time) AS clock,
        t.active AS tenant_active
    FROM entered AS c
    INNER JOIN steps AS s ON c.place = s.place
    INNER JOIN tenants AS t ON c.tenant_id = t.id
    INNER JOIN recipients AS r ON c.candidate_id = r.candidate_id
    LEFT JOIN customers AS k
        ON r.recipient_kind = 'customer' AND r.person_id = k.id AND c.tenant_id = k.tenant_id
    LEFT JOIN contacts AS n
        ON r.recipient_kind = 'contact' AND r.person_id = n.id AND c.tenant_id = n.tenant_id
),

dated AS (
    SELECT
        p.*,
        CASE WHEN p.minutes IS NULL THEN coalesce(shifted_date(p.base_at, o.seconds), p.anchor_on) END AS anchor_day,
        -- What must be open: the campaign's window, for marketing also the tenant's, by channel and country.
        CASE
            WHEN s.purpose = 'marketing' AND NOT s.action AND coalesce(g.tenant_id, h.tenant_id) IS NOT NULL
                THEN concat_ws(
                    '|', s.window_id, p.window_zone, p.tenant_id, s.channel, coalesce(p.country, '-'), p.person_zone
                )
            WHEN s.window_id IS NOT NULL THEN concat_ws('|', s.window_id, p.window_zone)
        END AS gate
    FROM placed AS p
    INNER JOIN steps AS s ON p.place = s.place
    LEFT JOIN bound AS g ON p.tenant_id = g.tenant_id AND s.channel = g.channel AND g.country IS NULL
    LEFT JOIN bound AS h ON p.tenant_id = h.tenant_id AND s.channel = h.channel AND p.country = h.country
    LEFT JOIN offsets AS o ON p.zone = o.zone AND p.base_at >= o.since AND p.base_at < o.until
)

{% if pauses %}
-- The pauses by hand since the moment counts, in its own zone; one that is not over lasts until now.
, paused AS (
    SELECT
        d.candidate_id,
        d.recipient_id,
        d.anchor_day + d.days AS day,
        d.clock,
        local_time(coalesce(h.until, $as_of), d.zone) AS until,
        greatest(
            local_time(h.since, d.zone), coalesce(local_time(d.base_at, d.zone), CAST(d.anchor_on AS TIMESTAMP))
        ) AS since
    FROM dated AS d
    INNER JOIN pauses AS h
        ON
            d.campaign_id = h.campaign_id
            AND d.tenant_id = h.tenant_id
            AND d.subject_id = h.subject_id
            AND coalesce(h.occurrence, d.occurrence) = d.occurrence
    WHERE d.anchor_day IS NOT NULL
),

lasting AS (
    SELECT
        p.*,
        sum(date_diff('day', CAST(p.since AS DATE), CAST(p.until AS DATE)))
            OVER (PARTITION BY p.candidate_id, p.recipient_id ORDER BY p.since)
        - date_diff('day', CAST(p.since AS DATE), CAST(p.until AS DATE)) AS days_before,
        date_diff('day', CAST(p.since AS DATE), CAST(p.until AS DATE)) AS days
    FROM paused AS p
    WHERE p.until > p.since
),

-- Each pause that began before the day as shifted by those before it shifts it by its own days; the first that
-- did not ends the row of them.
shifts AS (
    SELECT
        l.candidate_id,
        l.recipient_id,
        CAST(
            coalesce(
                min(
                    CASE
                        WHEN l.since >= date_at(l.day + CAST(l.days_before AS INTEGER), l.clock) THEN l.days_before
                    END
                ),
                max(l.days_before + l.days)
            ) AS INTEGER
        ) AS days
    FROM lasting AS l
    GROUP BY l.candidate_id, l.recipient_id
)

SELECT
    d.*,
    d.anchor_day + d.days + coalesce(h.days, 0) AS day
FROM dated AS d
LEFT JOIN shifts AS h ON d.candidate_id = h.candidate_id AND d.recipient_id = h.recipient_id
{% else %}
SELECT
    d.*,
    d.anchor_day + d.days AS day
FROM dated AS d
{% endif %}
