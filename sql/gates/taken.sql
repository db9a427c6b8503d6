-- One row per message that a cap counts already: for whom of those who are to get more, and when.
WITH counted AS (
    SELECT
        b.*,
        d.topic
    FROM had AS b
    INNER JOIN declared AS d ON b.campaign_id = d.campaign_id
    WHERE d.capped
),

people AS (
    SELECT p.cap_id, p.person, p.calendar, min(p.person_zone) AS person_zone
    FROM bids AS p
    GROUP BY p.cap_id, p.person, p.calendar
)

SELECT
    p.cap_id,
    p.person,
    CASE WHEN p.calendar THEN minutes_of(local_date(c.due_at, p.person_zone)) ELSE minutes_of(c.due_at) END AS at
FROM counted AS c
INNER JOIN caps AS x
    ON
        c.tenant_id = x.tenant_id
        AND coalesce(x.channel, c.channel) = c.channel
        AND coalesce(x.topic, c.topic) = c.topic
INNER JOIN people AS p ON x.cap_id = p.cap_id AND c.address_hash = p.person
UNION ALL
SELECT
    p.cap_id,
    p.person,
    CASE WHEN p.calendar THEN minutes_of(local_date(c.due_at, p.person_zone)) ELSE minutes_of(c.due_at) END AS at
FROM counted AS c
INNER JOIN caps AS x
    ON
        c.tenant_id = x.tenant_id
        AND x.channel IS NULL
        AND coalesce(x.topic, c.topic) = c.topic
INNER JOIN people AS p ON x.cap_id = p.cap_id AND 'customer:' || CAST(c.customer_id AS VARCHAR) = p.person
