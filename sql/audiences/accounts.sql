-- One row per account there is.
SELECT
    f.*,
    f.account_id AS subject_id,
    f.account_key AS subject_text
FROM account_facts AS f
