-- One row per person of `contacted`: a customer, a member of staff or somebody at an account.
SELECT
    w.recipient_kind,
    w.tenant_id,
    w.person_id,
    k.name,
    k.first_name,
    k.company_name,
    'customer' AS role,
    k.email,
    k.phone,
    k.push_token,
    k.wallet_pass,
    k.locale,
    k.country,
    k.time_zone,
    k.email_opt_out
FROM contacted AS w
INNER JOIN customers AS k ON w.person_id = k.id AND w.tenant_id = k.tenant_id
WHERE w.recipient_kind = 'customer'
UNION ALL
SELECT
    w.recipient_kind,
    w.tenant_id,
    w.person_id,
    u.name,
    CAST(NULL AS VARCHAR) AS first_name,
    CAST(NULL AS VARCHAR) AS company_name,
    u.role,
    u.email,
    u.phone,
    CAST(NULL AS VARCHAR) AS push_token,
    CAST(NULL AS VARCHAR) AS wallet_pass,
    CAST(NULL AS VARCHAR) AS locale,
    CAST(NULL AS VARCHAR) AS country,
    CAST(NULL AS VARCHAR) AS time_zone,
    false AS email_opt_out
FROM contacted AS w
INNER JOIN users AS u ON w.person_id = u.id AND w.tenant_id = u.tenant_id
WHERE w.recipient_kind = 'user'
UNION ALL
SELECT
    w.recipient_kind,
    w.tenant_id,
    w.person_id,
    c.name,
    c.first_name,
    CAST(NULL AS VARCHAR) AS company_name,
    c.role,
    c.email,
    c.phone,
    CAST(NULL AS VARCHAR) AS push_token,
    CAST(NULL AS VARCHAR) AS wallet_pass,
    c.locale,
    CAST(NULL AS VARCHAR) AS country,
    c.time_zone,
    c.email_opt_out
FROM contacted AS w
INNER JOIN contacts AS c ON w.person_id = c.id AND w.tenant_id = c.tenant_id
WHERE w.recipient_kind = 'contact' AND c.active
