-- One row per account with what is known of it: its last and next contacts, its goals, who to talk to.
WITH contacts_held AS (
    SELECT
        e.tenant_id,
        e.account_id,
        e.at,
        e.type,
        e.outcome,
        row_number() OVER (PARTITION BY e.tenant_id, e.account_id ORDER BY e.at DESC, e.id DESC) AS place
    FROM engagements AS e
    WHERE e.status = 'completed' AND e.at <= $as_of
),

met AS (
    SELECT
        e.tenant_id,
        e.account_id,
        max(CASE WHEN e.status = 'completed' AND e.type = 'meeting' AND e.at <= $as_of THEN e.at END)
            AS last_meeting_at,
        min(CASE WHEN e.status = 'scheduled' AND e.type = 'meeting' AND e.at > $as_of THEN e.at END)
            AS next_meeting_at,
        count(CASE WHEN e.status = 'completed' AND e.at > s.month THEN 1 END) AS engagements_30_days,
        count(CASE WHEN e.status = 'completed' AND e.at > s.quarter THEN 1 END) AS engagements_90_days,
        count(CASE WHEN e.status = 'missed' AND e.at > s.quarter THEN 1 END) AS missed_90_days,
        count(CASE WHEN e.status = 'completed' AND e.outcome = 'negative' AND e.at > s.quarter THEN 1 END)
            AS negative_90_days
    FROM engagements AS e
    CROSS JOIN (
        SELECT
            plus_minutes(CAST($as_of AS TIMESTAMPTZ), -43200) AS month,
            plus_minutes(CAST($as_of AS TIMESTAMPTZ), -129600) AS quarter
    ) AS s
    WHERE e.at <= $as_of OR e.status = 'scheduled'
    GROUP BY e.tenant_id, e.account_id
),

aims AS (
    SELECT
        g.tenant_id,
        g.account_id,
        count(CASE WHEN g.status = 'active' THEN 1 END) AS active,
        count(CASE WHEN g.status = 'achieved' THEN 1 END) AS completed,
        count(CASE WHEN g.status = 'at_risk' THEN 1 END) AS at_risk,
        count(CASE WHEN g.status = 'missed' THEN 1 END) AS missed
    FROM goals AS g
    WHERE g.created_at <= $as_of
    GROUP BY g.tenant_id, g.account_id
),

-- The contact with the address of the main contact's customer, else the first one.
people AS (
    SELECT
        p.tenant_id,
        p.account_id,
        p.name,
        p.email,
        p.role,
        coalesce(normal_email(p.email) = normal_email(c.email), false) AS is_customer,
        row_number() OVER (
            PARTITION BY p.tenant_id, p.account_id
            ORDER BY coalesce(normal_email(p.email) = normal_email(c.email), false) DESC, p.id
        ) AS place
    FROM contacts AS p
    INNER JOIN accounts AS a ON p.account_id = a.id AND p.tenant_id = a.tenant_id
    LEFT JOIN customers AS c ON a.customer_id = c.id AND a.tenant_id = c.tenant_id
    WHERE p.active
)

SELECT
    a.tenant_id,
    a.id AS account_id,
    a.id_text AS account_key,
    c.id AS customer_id,
    a.owner_id AS agent_id,
    a.name AS account_name,
    a.industry,
    a.size,
    a.arr,
    a.currency,
    a.health_score,
    a.churn_risk,
    a.status AS account_status,
    a.product_name,
    a.contract_ends_on,
    a.created_at AS account_created_at,
    h.at AS last_engagement_at,
    h.type AS last_engagement_type,
    h.outcome AS last_engagement_outcome,
    local_date(m.last_meeting_at, t.time_zone) AS last_meeting_date,
    local_date(
        coalesce(CASE WHEN a.next_meeting_at > $as_of THEN a.next_meeting_at END, m.next_meeting_at), t.time_zone
    ) AS next_meeting_date,
    CAST(floor((minutes_of($as_of) - minutes_of(h.at)) / 1440.0) AS BIGINT) AS days_silent,
    coalesce(m.engagements_30_days, 0) AS engagements_30_days,
    coalesce(m.engagements_90_days, 0) AS engagements_90_days,
    coalesce(m.missed_90_days, 0) AS missed_90_days,
    coalesce(m.negative_90_days, 0) AS negative_90_days,
    coalesce(g.active, 0) AS goals_active,
    coalesce(g.completed, 0) AS goals_completed,
    coalesce(g.at_risk, 0) AS goals_at_risk,
    coalesce(g.missed, 0) AS goals_missed,
    coalesce(c.name, p.name) AS contact_name,
    coalesce(c.email, p.email) AS contact_email,
    CASE WHEN c.id IS NULL OR p.is_customer THEN p.role END AS contact_role,
    c.name AS customer_name,
    c.first_name,
    coalesce(c.company_name, a.name) AS company_name
FROM accounts AS a
INNER JOIN tenants AS t ON a.tenant_id = t.id
LEFT JOIN contacts_held AS h ON a.id = h.account_id AND a.tenant_id = h.tenant_id AND h.place = 1
LEFT JOIN met AS m ON a.id = m.account_id AND a.tenant_id = m.tenant_id
LEFT JOIN aims AS g ON a.id = g.account_id AND a.tenant_id = g.tenant_id
LEFT JOIN people AS p ON a.id = p.account_id AND a.tenant_id = p.tenant_id AND p.place = 1
LEFT JOIN customers AS c ON a.customer_id = c.id AND a.tenant_id = c.tenant_id
WHERE a.created_at <= $as_of
