-- One row per customer who was written to in the last 180 days: what they did with it, as a number and a word.
-- Points and half-life are those of the score that conditions ask for: `engagement_points` and `halved` in macros.
WITH written AS (
    SELECT
        tenant_id,
        customer_id,
        CASE WHEN opened_at <= $as_of THEN opened_at END AS opened_at,
        CASE WHEN clicked_at <= $as_of THEN clicked_at END AS clicked_at,
        CASE WHEN replied_at <= $as_of THEN replied_at END AS replied_at,
        CASE WHEN told_converted_at <= $as_of THEN told_converted_at END AS converted_at,
        CASE WHEN unsubscribed_at <= $as_of THEN unsubscribed_at END AS unsubscribed_at,
        CASE WHEN complained_at <= $as_of THEN complained_at END AS complained_at
    FROM message_facts
    WHERE
        day > CAST(plus_minutes($as_of, -180 * 1440) AS DATE)
        AND day <= CAST($as_of AS DATE)
        AND customer_id IS NOT NULL
        -- What members of staff do with theirs is not the customer's doing.
        AND recipient_id = 0
        AND state IN ('completed', 'unknown')
),

done AS (
    SELECT
        tenant_id,
        customer_id,
        count(*) AS sent,
        count(opened_at) AS opened,
        count(clicked_at) AS clicked,
        count(replied_at) AS replied,
        count(converted_at) AS converted,
        count(unsubscribed_at) AS unsubscribed,
        count(complained_at) AS complained,
        max(greatest(opened_at, clicked_at, replied_at, converted_at)) AS last_engaged_at,
        sum(
            coalesce(halved(engagement_points('opened'), opened_at, $as_of), 0.0)
            + coalesce(halved(engagement_points('clicked'), clicked_at, $as_of), 0.0)
            + coalesce(halved(engagement_points('replied'), replied_at, $as_of), 0.0)
            + coalesce(halved(engagement_points('converted'), converted_at, $as_of), 0.0)
            + coalesce(halved(engagement_points('unsubscribed'), unsubscribed_at, $as_of), 0.0)
            + coalesce(halved(engagement_points('complained'), complained_at, $as_of), 0.0)
        ) AS points
    FROM written
    GROUP BY tenant_id, customer_id
),

scored AS (
    SELECT
        *,
        round(greatest(0.0, least(100.0, points)), 1) AS score
    FROM done
)

SELECT
    tenant_id,
    customer_id,
    score,
    CASE
        WHEN score >= 40.0 THEN 'champion'
        WHEN score >= 5.0 THEN 'active'
        WHEN score >= 1.0 THEN 'cooling'
        ELSE 'silent'
    END AS standing,
    last_engaged_at,
    CAST(floor((minutes_of($as_of) - minutes_of(last_engaged_at)) / 1440) AS BIGINT) AS days_since,
    sent,
    opened,
    clicked,
    replied,
    converted,
    unsubscribed,
    complained
FROM scored
ORDER BY tenant_id, customer_id
