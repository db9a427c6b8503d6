-- One row per goal agreed in the ranges asked for.
SELECT
    f.*,
    g.id AS subject_id,
    g.id_text AS subject_text,
    g.created_at AS anchor,
    g.title AS goal_title,
    g.status AS goal_status,
    g.due_on AS goal_due_on
FROM goals AS g
INNER JOIN ranges AS r ON g.created_at BETWEEN r.lo AND r.hi
INNER JOIN account_facts AS f ON g.account_id = f.account_id AND g.tenant_id = f.tenant_id
WHERE g.created_at <= $as_of
