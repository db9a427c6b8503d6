-- One row per contact with an account whose time lies in the ranges asked for.
SELECT
    f.*,
    e.id AS subject_id,
    e.id_text AS subject_text,
    e.at AS anchor,
    e.type,
    e.status,
    e.outcome,
    e.at
FROM engagements AS e
INNER JOIN ranges AS r ON e.at BETWEEN r.lo AND r.hi
INNER JOIN account_facts AS f ON e.account_id = f.account_id AND e.tenant_id = f.tenant_id
WHERE e.at <= $as_of
