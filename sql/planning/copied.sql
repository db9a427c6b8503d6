-- One row per moment whose message is also sent to others: their addresses as JSON texts.
WITH named AS (
    SELECT r.candidate_id AS moment_id, trim(p.email) AS address
    FROM recipients AS r
    INNER JOIN planned AS m ON r.candidate_id = m.moment_id
    INNER JOIN people AS p
        ON r.recipient_kind = p.recipient_kind AND m.tenant_id = p.tenant_id AND r.person_id = p.person_id
    UNION
    SELECT m.moment_id, a.address
    FROM planned AS m
    INNER JOIN copy_addresses AS a ON m.place = a.place
)

SELECT
    n.moment_id,
    string_agg(CAST(to_json(n.address) AS VARCHAR), ',' ORDER BY n.address) AS addresses
FROM named AS n
WHERE plausible_email(n.address)
GROUP BY n.moment_id
