-- One row per candidate that exists, with the instant it counts from: after a step, that one's finish.
{% if follows %}
WITH above AS (
    SELECT
        c.candidate_id,
        -- What was decided against never finished: then its due time counts.
        max(CASE WHEN p.state IN ('skipped', 'cancelled', 'pending', 'processing') THEN p.due_at ELSE p.finished_at END)
            AS base_at,
        bool_or(p.state IN ('pending', 'processing') OR (p.state = 'unknown' AND f.requires_sent)) AS waiting,
        bool_or(p.sent) AS sent
    FROM candidates AS c
    INNER JOIN flows AS f ON c.place = f.place
    INNER JOIN follows AS w ON c.place = w.place
    INNER JOIN predecessors AS p
        ON
            c.occurrence = p.occurrence
            AND c.tenant_id = p.tenant_id
            AND w.step_id = p.step_id
            AND c.subject_id = p.subject_id
    GROUP BY c.candidate_id
)

{% endif %}
{% if by_hand %}
{% if follows %}
, begun AS (
{% else %}
WITH begun AS (
{% endif %}
    SELECT
        c.candidate_id,
        max(h.at) AS base_at
    FROM candidates AS c
    INNER JOIN flows AS f ON c.place = f.place
    INNER JOIN starts AS h
        ON c.campaign_id = h.campaign_id AND c.tenant_id = h.tenant_id AND c.subject_id = h.subject_id
    -- An audience of what was started by hand says which start it is.
    WHERE f.by_hand AND (NOT f.start_is_anchor OR c.anchor_at = h.at)
    GROUP BY c.candidate_id
)

{% endif %}
SELECT
    c.*,
    {% if follows and by_hand %}
    coalesce(a.base_at, CASE WHEN c.anchor_at IS NOT NULL THEN greatest(c.anchor_at, e.base_at) END) AS base_at,
    {% elif follows %}
    coalesce(a.base_at, c.anchor_at) AS base_at,
    {% elif by_hand %}
    CASE WHEN c.anchor_at IS NOT NULL THEN greatest(c.anchor_at, e.base_at) END AS base_at,
    {% else %}
    c.anchor_at AS base_at,
    {% endif %}
    {% if follows %}
    coalesce(a.waiting, false) AS waiting,
    CASE WHEN a.waiting THEN f.above END AS waiting_for,
    f.requires_sent,
    a.sent AS above_sent
    {% else %}
    false AS waiting,
    CAST(NULL AS VARCHAR) AS waiting_for,
    f.requires_sent,
    CAST(NULL AS BOOLEAN) AS above_sent
    {% endif %}
FROM candidates AS c
INNER JOIN flows AS f ON c.place = f.place
{% if follows %}
LEFT JOIN above AS a ON c.candidate_id = a.candidate_id
{% endif %}
{% if by_hand %}
LEFT JOIN begun AS e ON c.candidate_id = e.candidate_id
{% endif %}
WHERE
    true
    {% if follows %}
    AND (f.above IS NULL OR a.candidate_id IS NOT NULL)
    {% endif %}
    {% if by_hand %}
    AND (NOT f.by_hand OR e.candidate_id IS NOT NULL)
    {% endif %}
