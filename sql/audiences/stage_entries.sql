-- One row per customer and entry into a stage of the pipeline, for entries in the ranges asked for.
WITH moves AS (
    -- A move out of a stage tells when it was entered: the time the CRM kept until then, or the move before.
    SELECT
        m.tenant_id,
        m.row_id,
        m.old AS stage,
        m.new AS next_stage,
        m.at AS left_at,
        coalesce(
            TRY_CAST(e.old AS TIMESTAMPTZ), lag(m.at) OVER (PARTITION BY m.tenant_id, m.row_id ORDER BY m.at)
        ) AS entered_at
    FROM changes AS m
    LEFT JOIN changes AS e
        ON
            m.tenant_id = e.tenant_id
            AND m.row_id = e.row_id
            AND m.at = e.at
            AND e.source = 'customers'
            AND e."column" = 'stage_entered_at'
    WHERE m.source = 'customers' AND m."column" = 'pipeline_stage' AND m.at <= $as_of
),

last_moves AS (
    SELECT
        m.tenant_id,
        m.row_id,
        max(m.left_at) AS at
    FROM moves AS m
    GROUP BY m.tenant_id, m.row_id
),

entries AS (
    SELECT
        c.tenant_id,
        c.id AS customer_id,
        c.pipeline_stage AS stage,
        coalesce(c.stage_entered_at, l.at) AS entered_at,
        CAST(NULL AS TIMESTAMPTZ) AS left_at
    FROM customers AS c
    LEFT JOIN last_moves AS l ON c.id = l.row_id AND c.tenant_id = l.tenant_id
    WHERE c.pipeline_stage IS NOT NULL
    UNION ALL
    SELECT
        m.tenant_id,
        m.row_id AS customer_id,
        m.stage,
        m.entered_at,
        m.left_at
    FROM moves AS m
    WHERE m.stage IS NOT NULL
)

SELECT
    c.tenant_id,
    c.id AS subject_id,
    c.id_text AS subject_text,
    c.id AS customer_id,
    c.agent_id,
    e.entered_at AS anchor,
    e.stage,
    e.left_at IS NULL AS still_there,
    e.entered_at,
    e.left_at,
    CAST(floor((minutes_of(coalesce(e.left_at, $as_of)) - minutes_of(e.entered_at)) / 1440.0) AS BIGINT)
        AS days_in_stage,
    c.name AS customer_name,
    c.first_name,
    c.company_name,
    c.segment,
    c.country,
    c.status,
    c.lifetime_value,
    c.pipeline_stage
FROM entries AS e
INNER JOIN ranges AS r ON e.entered_at BETWEEN r.lo AND r.hi
INNER JOIN customers AS c ON e.customer_id = c.id AND e.tenant_id = c.tenant_id
WHERE c.merged_into IS NULL AND e.entered_at <= $as_of
