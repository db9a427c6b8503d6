-- One row per moment, cap and way to know its person: what the cap counts, with the person's calendar.
-- A cap on one channel knows people by address; one on all channels by their record, too.
WITH marketing AS (
    SELECT
        p.*,
        dense_rank() OVER (
            ORDER BY
                p.priority, p.due_at, p.occurrence, p.tenant_id, p.campaign_id, p.step_id, p.subject_id, p.recipient_id
        ) AS turn
    FROM passing AS p
    INNER JOIN policies AS c ON p.campaign_id = c.campaign_id
    WHERE c.capped AND p.purpose = 'marketing' AND p.address_hash IS NOT NULL
)

SELECT
    m.moment_id,
    m.turn,
    x.cap_id,
    x.count,
    x.minutes,
    x.calendar,
    k.person,
    m.person_zone,
    CASE WHEN x.calendar THEN minutes_of(local_date(m.due_at, m.person_zone)) ELSE minutes_of(m.due_at) END AS at
FROM marketing AS m
INNER JOIN caps AS x
    ON
        m.tenant_id = x.tenant_id
        AND coalesce(x.channel, m.channel) = m.channel
        AND coalesce(x.topic, m.topic) = m.topic
INNER JOIN (
    SELECT n.moment_id, n.address_hash AS person, false AS by_record FROM marketing AS n
    UNION ALL
    SELECT n.moment_id, 'customer:' || CAST(n.customer_id AS VARCHAR) AS person, true AS by_record
    FROM marketing AS n
    WHERE n.recipient_kind = 'customer' AND n.customer_id IS NOT NULL
) AS k ON m.moment_id = k.moment_id
WHERE x.channel IS NULL OR NOT k.by_record
