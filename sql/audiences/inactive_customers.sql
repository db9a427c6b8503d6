-- One row per customer whose last sign of life lies in the ranges asked for, where the tenant re-engages.
WITH choices AS (
    SELECT
        s.tenant_id,
        s.inactivity_days,
        ',' || s.re_engagement_activities || ',' AS listed,
        strpos(',' || s.re_engagement_activities || ',', ',booking,') > 0
        AND strpos(',' || s.re_engagement_activities || ',', ',payment,') > 0
        AND strpos(',' || s.re_engagement_activities || ',', ',enquiry,') > 0
        AND strpos(',' || s.re_engagement_activities || ',', ',visit,') > 0 AS summed_up
    FROM settings AS s
    WHERE s.re_engagement_enabled AND s.inactivity_days IS NOT NULL
),

-- Where bookings, payments, enquiries and visits all count, the CRM's own summary has them: their rows, read
-- for other audiences as far as those need them, do not count a second time.
signs AS (
    SELECT c.tenant_id, c.id AS customer_id, c.created_at AS at
    FROM customers AS c
    UNION ALL
    SELECT c.tenant_id, c.id AS customer_id, c.last_activity_at AS at
    FROM customers AS c
    INNER JOIN choices AS k ON c.tenant_id = k.tenant_id
    WHERE k.summed_up
    UNION ALL
    SELECT b.tenant_id, b.customer_id, b.booked_at AS at
    FROM bookings AS b
    INNER JOIN choices AS k ON b.tenant_id = k.tenant_id
    WHERE NOT k.summed_up AND strpos(k.listed, ',' || 'booking' || ',') > 0
    UNION ALL
    SELECT p.tenant_id, p.customer_id, p.paid_at AS at
    FROM payments AS p
    INNER JOIN choices AS k ON p.tenant_id = k.tenant_id
    WHERE NOT k.summed_up AND strpos(k.listed, ',' || 'payment' || ',') > 0 AND p.status IN ('paid', 'refunded')
    UNION ALL
    SELECT q.tenant_id, q.customer_id, q.created_at AS at
    FROM queries AS q
    INNER JOIN choices AS k ON q.tenant_id = k.tenant_id
    WHERE NOT k.summed_up AND strpos(k.listed, ',' || 'enquiry' || ',') > 0
    UNION ALL
    SELECT e.tenant_id, e.customer_id, e.at
    FROM events AS e
    INNER JOIN choices AS k ON e.tenant_id = k.tenant_id
    WHERE
        strpos(k.listed, ',' || e.type || ',') > 0
        AND (e.type = 'login' OR (e.type = 'visit' AND NOT k.summed_up))
    UNION ALL
    SELECT q.tenant_id, q.customer_id, greatest(q.viewed_at, q.decided_at) AS at
    FROM quotes AS q
    INNER JOIN choices AS k ON q.tenant_id = k.tenant_id
    WHERE strpos(k.listed, ',' || 'quote' || ',') > 0
    UNION ALL
    SELECT v.tenant_id, v.customer_id, v.submitted_at AS at
    FROM reviews AS v
    INNER JOIN choices AS k ON v.tenant_id = k.tenant_id
    WHERE strpos(k.listed, ',' || 'review' || ',') > 0
    UNION ALL
    SELECT d.tenant_id, d.customer_id, d.uploaded_at AS at
    FROM documents AS d
    INNER JOIN choices AS k ON d.tenant_id = k.tenant_id
    WHERE strpos(k.listed, ',' || 'document' || ',') > 0
    UNION ALL
    SELECT g.tenant_id, g.customer_id, g.at
    FROM engagements AS g
    INNER JOIN choices AS k ON g.tenant_id = k.tenant_id
    WHERE strpos(k.listed, ',' || 'engagement' || ',') > 0 AND g.status = 'completed'
    UNION ALL
    SELECT w.tenant_id, w.customer_id, greatest(w.installed_at, w.updated_at) AS at
    FROM wallet_passes AS w
    INNER JOIN choices AS k ON w.tenant_id = k.tenant_id
    WHERE strpos(k.listed, ',' || 'wallet_pass' || ',') > 0
),

last_signs AS (
    SELECT s.tenant_id, s.customer_id, max(s.at) AS at
    FROM signs AS s
    GROUP BY s.tenant_id, s.customer_id
)

SELECT
    c.tenant_id,
    c.id AS subject_id,
    c.id_text AS subject_text,
    c.id AS customer_id,
    c.agent_id,
    l.at AS anchor,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    c.segment,
    c.country,
    c.status,
    c.lifetime_value,
    c.pipeline_stage,
    local_date(l.at, t.time_zone) AS last_activity_on,
    k.inactivity_days
FROM last_signs AS l
INNER JOIN ranges AS r ON l.at BETWEEN r.lo AND r.hi
INNER JOIN customers AS c ON l.customer_id = c.id AND l.tenant_id = c.tenant_id
INNER JOIN choices AS k ON c.tenant_id = k.tenant_id
INNER JOIN tenants AS t ON c.tenant_id = t.id
WHERE c.merged_into IS NULL AND c.created_at <= $as_of AND l.at <= $as_of
