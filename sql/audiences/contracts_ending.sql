-- One row per account whose contract ends on a day of the ranges asked for.
SELECT
    f.*,
    f.account_id AS subject_id,
    f.account_key AS subject_text,
    f.contract_ends_on AS anchor
FROM account_facts AS f
INNER JOIN ranges AS r ON f.contract_ends_on BETWEEN r.lo AND r.hi
