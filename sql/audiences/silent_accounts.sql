-- One row per account whose last contact, or else its opening, lies in the ranges asked for.
SELECT
    f.*,
    f.account_id AS subject_id,
    f.account_key AS subject_text,
    coalesce(f.last_engagement_at, f.account_created_at) AS anchor,
    coalesce(f.last_engagement_at, f.account_created_at) AS silent_since
FROM account_facts AS f
INNER JOIN ranges AS r ON coalesce(f.last_engagement_at, f.account_created_at) BETWEEN r.lo AND r.hi
