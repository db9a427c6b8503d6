-- One row per account opened in the ranges asked for.
SELECT
    f.*,
    f.account_id AS subject_id,
    f.account_key AS subject_text,
    f.account_created_at AS anchor
FROM account_facts AS f
INNER JOIN ranges AS r ON f.account_created_at BETWEEN r.lo AND r.hi
