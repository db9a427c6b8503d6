-- One row per month of first conversion, in the tenant's own calendar, and month since: who came back, for how much.
WITH held AS (
    SELECT
        f.tenant_id,
        f.customer_id,
        f.currency,
        coalesce(f.amount, 0) AS amount,
        coalesce(t.time_zone, 'UTC') AS time_zone,
        month_number(local_date(f.converted_at, coalesce(t.time_zone, 'UTC'))) AS month_at
    FROM conversion_facts AS f
    LEFT JOIN tenants AS t ON f.tenant_id = t.tenant_id
    WHERE f.customer_id IS NOT NULL AND f.cancelled_at IS NULL AND f.converted_at <= $as_of
),

-- Revenue is told in the currency that most of a tenant's conversions are in.
currencies AS (
    SELECT
        tenant_id,
        currency,
        row_number() OVER (PARTITION BY tenant_id ORDER BY count(*) DESC, currency ASC) AS place
    FROM held
    GROUP BY tenant_id, currency
),

firsts AS (
    SELECT
        tenant_id,
        customer_id,
        min(month_at) AS cohort
    FROM held
    GROUP BY tenant_id, customer_id
),

cohorts AS (
    SELECT
        f.tenant_id,
        f.cohort,
        count(*) AS customers,
        max(z.this_month) AS this_month
    FROM firsts AS f
    INNER JOIN (
        SELECT
            tenant_id,
            month_number(local_date($as_of, max(time_zone))) AS this_month
        FROM held
        GROUP BY tenant_id
    ) AS z ON f.tenant_id = z.tenant_id
    GROUP BY f.tenant_id, f.cohort
),

-- Months in which nobody came back are rows as well: a heat map must not close its gaps.
months AS (
    SELECT
        *,
        unnest(generate_series(0, this_month - cohort)) AS months_since
    FROM cohorts
),

came AS (
    SELECT
        h.tenant_id,
        f.cohort,
        h.month_at - f.cohort AS months_since,
        count(DISTINCT h.customer_id) AS active,
        count(*) AS conversions,
        sum(CASE WHEN h.currency = c.currency THEN h.amount ELSE 0 END) AS revenue,
        sum(CASE WHEN h.currency = c.currency THEN 0 ELSE 1 END) AS in_other_currencies
    FROM held AS h
    INNER JOIN firsts AS f ON h.tenant_id = f.tenant_id AND h.customer_id = f.customer_id
    INNER JOIN currencies AS c ON h.tenant_id = c.tenant_id AND c.place = 1
    GROUP BY h.tenant_id, f.cohort, h.month_at
)

SELECT
    m.tenant_id,
    first_of_month(m.cohort) AS cohort,
    m.months_since,
    m.customers,
    coalesce(a.active, 0) AS active,
    coalesce(a.conversions, 0) AS conversions,
    coalesce(a.revenue, 0) AS revenue,
    c.currency,
    coalesce(a.in_other_currencies, 0) AS in_other_currencies,
    m.cohort + m.months_since < m.this_month AS complete
FROM months AS m
INNER JOIN currencies AS c ON m.tenant_id = c.tenant_id AND c.place = 1
LEFT JOIN came AS a
    ON m.tenant_id = a.tenant_id AND m.cohort = a.cohort AND m.months_since = a.months_since
ORDER BY m.tenant_id, m.cohort, m.months_since
