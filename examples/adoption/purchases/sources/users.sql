-- No rows: the file knows no staff.
SELECT
    CAST(NULL AS BIGINT) AS id,
    CAST(NULL AS BIGINT) AS tenant_id,
    CAST(NULL AS VARCHAR) AS name,
    CAST(NULL AS VARCHAR) AS email,
    CAST(NULL AS VARCHAR) AS phone,
    CAST(NULL AS VARCHAR) AS role,
    CAST(NULL AS VARCHAR) AS department,
    CAST(NULL AS BIGINT) AS manager_id,
    CAST(NULL AS BOOLEAN) AS active
WHERE 1 = 0
