-- One row per change, in the ranges asked for, of an account's status.
SELECT
    f.*,
    f.account_id AS subject_id,
    f.account_key AS subject_text,
    c.at AS anchor,
    c.old AS before,
    c.new AS after,
    c.at AS changed_at
FROM changes AS c
INNER JOIN ranges AS r ON c.at BETWEEN r.lo AND r.hi
INNER JOIN account_facts AS f ON c.row_id = f.account_id AND c.tenant_id = f.tenant_id
WHERE c.source = 'accounts' AND c."column" = 'status' AND c.at <= $as_of
