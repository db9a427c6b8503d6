-- One row per planned moment: what its message may use as JSON; a digest has the variables of all it says.
WITH whole AS (
    SELECT
        p.moment_id,
        p.leader,
        p.subject_id,
        p.occurrence,
        left(b.variables, length(b.variables) - 1)
        || CASE
            WHEN p.by_owner
                THEN coalesce(',"owner":' || CAST(to_json(struct_pack(name := o.name, email := o.email)) AS VARCHAR), '')
            ELSE ''
        END
        || coalesce(
            ',"assignee_id":' || CAST(p.assignee_id AS VARCHAR)
            || ',"assignee":' || CAST(to_json(struct_pack(name := g.name, email := g.email)) AS VARCHAR),
            ''
        )
        || coalesce(',"coupon":' || CAST(to_json(p.coupon) AS VARCHAR), '')
        || coalesce(',"cc":[' || c.cc || ']', '')
        || coalesce(',"bcc":[' || c.bcc || ']', '')
        AS variables
    FROM planned AS p
    INNER JOIN bases AS b ON p.moment_id = b.moment_id
    LEFT JOIN users AS o ON p.agent_id = o.id AND p.tenant_id = o.tenant_id AND o.active
    LEFT JOIN users AS g ON p.assignee_id = g.id AND p.tenant_id = g.tenant_id
    LEFT JOIN copies AS c ON p.moment_id = c.moment_id
),

items AS (
    SELECT
        w.leader AS moment_id,
        string_agg(w.variables || '}', ',' ORDER BY w.subject_id, w.occurrence) AS items
    FROM whole AS w
    WHERE w.leader IS NOT NULL
    GROUP BY w.leader
)

SELECT
    w.moment_id,
    w.variables || CASE
        WHEN p.digest THEN ',"items":[' || w.variables || '}' || coalesce(',' || i.items, '') || ']}'
        ELSE '}'
    END AS variables
FROM whole AS w
INNER JOIN planned AS p ON w.moment_id = p.moment_id
LEFT JOIN items AS i ON w.moment_id = i.moment_id
WHERE w.leader IS NULL
