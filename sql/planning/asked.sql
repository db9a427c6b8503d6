-- One row per subject asked for by name and place: of several rows the one whose anchor is nearest to now.
WITH near AS (
    SELECT
        e.candidate_id,
        row_number() OVER (
            PARTITION BY e.place, e.tenant_id, e.subject_id
            ORDER BY
                abs(coalesce(minutes_of(e.anchor_at), minutes_of(e.anchor_on)) - minutes_of($as_of)),
                e.candidate_id
        ) AS place_in_line
    FROM reachable AS e
    INNER JOIN asked_subjects AS s ON e.tenant_id = s.tenant_id AND e.subject_id = s.subject_id
)

SELECT
    r.candidate_id,
    r.audience,
    r.row_id,
    r.tenant_id,
    r.subject_id,
    r.subject_text,
    r.customer_id,
    r.agent_id,
    r.account_id,
    r.anchor_at,
    r.anchor_on,
    coalesce(CAST($occurrence AS BIGINT), r.occurrence) AS occurrence,
    r.campaign_id,
    r.step_id,
    r.place,
    r.variant,
    r.days,
    r.minutes,
    r.own_clock,
    r.zone_rule,
    r.repeat_minutes,
    r.spread_minutes
FROM reachable AS r
INNER JOIN near AS n ON r.candidate_id = n.candidate_id
WHERE n.place_in_line = 1
