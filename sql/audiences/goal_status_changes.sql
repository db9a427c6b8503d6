-- One row per change, in the ranges asked for, of a goal's status.
SELECT
    f.*,
    g.id AS subject_id,
    g.id_text AS subject_text,
    c.at AS anchor,
    g.title AS goal_title,
    c.old AS before,
    c.new AS after,
    g.due_on AS goal_due_on,
    c.at AS changed_at
FROM changes AS c
INNER JOIN ranges AS r ON c.at BETWEEN r.lo AND r.hi
INNER JOIN goals AS g ON c.row_id = g.id AND c.tenant_id = g.tenant_id
INNER JOIN account_facts AS f ON g.account_id = f.account_id AND g.tenant_id = f.tenant_id
WHERE c.source = 'goals' AND c."column" = 'status' AND c.at <= $as_of
