-- One row per audience row and place of a step for which it could have a moment due, of one audience.
WITH members AS (
    {% if ruled %}
    SELECT
        c.campaign_id,
        b.row_id
    FROM belonging AS b
    INNER JOIN entries AS c ON b.rule = c.rule
    {% endif %}
    {% if ruled and unruled %}
    UNION ALL
    {% endif %}
    {% if unruled %}
    SELECT DISTINCT
        c.campaign_id,
        a.row_id
    FROM {{ table }} AS a
    INNER JOIN entries AS c ON c.rule IS NULL
    {% if anchor != "schedule" %}
    INNER JOIN nearby AS r ON c.campaign_id = r.campaign_id AND a.anchor BETWEEN r.lo AND r.hi
    {% endif %}
    {% endif %}
)

{% if tested %}
-- A variant once used outranks the draw.
, drawn AS (
    SELECT
        m.campaign_id,
        m.row_id,
        x.promotes,
        coalesce(f.variant, v.variant) AS variant
    FROM members AS m
    INNER JOIN {{ table }} AS a ON m.row_id = a.row_id
    INNER JOIN experiments AS x ON m.campaign_id = x.campaign_id
    LEFT JOIN former AS f
        ON
            m.campaign_id = f.campaign_id
            AND a.tenant_id = f.tenant_id
            AND a.subject_id = f.subject_id
    LEFT JOIN parts AS v
        ON
            m.campaign_id = v.campaign_id
            AND draw01(x.seed, a.tenant_id || ':' || a.subject_id) >= v.lo
            AND draw01(x.seed, a.tenant_id || ':' || a.subject_id) < v.hi
)
{% endif %}

SELECT
    '{{ audience }}' AS audience,
    a.row_id,
    a.tenant_id,
    a.subject_id,
    a.subject_text,
    a.customer_id,
    a.agent_id,
    {% if account %}
    a.account_id,
    {% else %}
    CAST(NULL AS BIGINT) AS account_id,
    {% endif %}
    {% if anchor == "instant" %}
    a.anchor AS anchor_at,
    CAST(NULL AS DATE) AS anchor_on,
    {% elif anchor == "date" %}
    CAST(NULL AS TIMESTAMPTZ) AS anchor_at,
    a.anchor AS anchor_on,
    {% else %}
    CAST(NULL AS TIMESTAMPTZ) AS anchor_at,
    z.day AS anchor_on,
    {% endif %}
    CASE
        -- Whom a campaign takes once it takes for one occurrence, whatever the anchor.
        WHEN s.once THEN CAST(0 AS BIGINT)
        {% if grain == "once" %}
        ELSE CAST(0 AS BIGINT)
        {% elif grain == "year" %}
        ELSE minutes_of(make_date(CAST(year(a.anchor) AS INTEGER), 1, 1))
        {% elif anchor == "schedule" %}
        ELSE z.occurrence
        {% elif grain == "day" %}
        ELSE minutes_of(CAST(a.anchor AS DATE))
        {% else %}
        ELSE minutes_of(a.anchor)
        {% endif %}
    END AS occurrence,
    s.campaign_id,
    s.step_id,
    s.place,
    s.variant,
    CASE WHEN s.differs THEN t.days ELSE s.days END AS days,
    CASE WHEN s.differs THEN t.minutes ELSE s.minutes END AS minutes,
    {% if anchor == "schedule" %}
    coalesce(CASE WHEN s.differs THEN t.clock ELSE s.clock END, z.clock) AS own_clock,
    {% else %}
    CASE WHEN s.differs THEN t.clock ELSE s.clock END AS own_clock,
    {% endif %}
    CASE WHEN s.differs THEN t.zone ELSE s.zone END AS zone_rule,
    CASE WHEN s.differs THEN t.repeat_minutes ELSE s.repeat_minutes END AS repeat_minutes,
    s.spread_minutes
FROM members AS m
INNER JOIN {{ table }} AS a ON m.row_id = a.row_id
INNER JOIN steps AS s ON m.campaign_id = s.campaign_id
{% if anchor == "schedule" %}
INNER JOIN named_slots AS z ON s.place = z.place
{% else %}
INNER JOIN reaches AS r
    ON
        s.place = r.place
        -- No plain BETWEEN: rows and reaches must not be joined before it is known who belongs to what.
        AND CASE WHEN a.anchor < r.lo THEN false ELSE a.anchor <= r.hi END
{% endif %}
LEFT JOIN terms AS t ON s.place = t.place AND a.tenant_id = t.tenant_id
{% if tested %}
LEFT JOIN drawn AS d ON m.campaign_id = d.campaign_id AND m.row_id = d.row_id
{% endif %}
WHERE
    (NOT s.differs OR t.place IS NOT NULL)
    {% if tested %}
    -- Where winners go to the rest, `promoted.sql` says which variant it is.
    AND (s.variant IS NULL OR s.variant = d.variant OR d.promotes)
    {% endif %}
