-- One row per sales agent and per regional manager; a name is the key.
-- text ids: id, manager_id
WITH staff AS (
    SELECT
        sales_agent AS name,
        'agent' AS role,
        regional_office AS department,
        manager AS manager_id
    FROM crm_sales_teams
    UNION ALL
    SELECT DISTINCT
        manager,
        'department_manager',
        regional_office,
        CAST(NULL AS VARCHAR)
    FROM crm_sales_teams
)

SELECT
    name AS id,
    1 AS tenant_id,
    name,
    lower(replace(name, ' ', '.')) || '@prairie.example.com' AS email, -- the file has no addresses
    CAST(NULL AS VARCHAR) AS phone,
    role,
    department,
    manager_id,
    true AS active
FROM staff
