-- One row per customer who was forgotten, of those about whom there is a candidate; a merged record is its survivor.
WITH gone AS (
    SELECT x.tenant_id, x.address_hash
    FROM suppressions AS x
    WHERE x.channel = '*'
),

asked AS (
    SELECT DISTINCT e.tenant_id, e.customer_id
    FROM everybody AS e
    WHERE e.customer_id IS NOT NULL AND e.tenant_id IN (SELECT g.tenant_id FROM gone AS g)
),

known AS (
    SELECT a.tenant_id, a.customer_id, a.customer_id AS person_id
    FROM asked AS a
    UNION ALL
    SELECT a.tenant_id, a.customer_id, s.survivor_id AS person_id
    FROM asked AS a
    INNER JOIN survivors AS s ON a.tenant_id = s.tenant_id AND a.customer_id = s.id
)

SELECT DISTINCT k.tenant_id, k.customer_id
FROM known AS k
INNER JOIN gone AS g
    ON k.tenant_id = g.tenant_id AND g.address_hash = sha256($salt || ':*:customer:' || CAST(k.person_id AS VARCHAR))
