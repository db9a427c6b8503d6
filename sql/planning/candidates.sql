-- One row per audience row and step of one campaign whose conditions hold.
SELECT
    '{{ audience }}' AS audience,
    a.row_id,
    a.tenant_id,
    a.subject_id,
    a.subject_text,
    a.customer_id,
    a.agent_id,
    {% if anchor == "instant" %}
    a.anchor AS anchor_at,
    CAST(NULL AS DATE) AS anchor_on,
    {% elif anchor == "date" %}
    CAST(NULL AS TIMESTAMPTZ) AS anchor_at,
    a.anchor AS anchor_on,
    {% else %}
    CAST(NULL AS TIMESTAMPTZ) AS anchor_at,
    CAST($slot AS DATE) AS anchor_on,
    {% endif %}
    {% if grain == "once" %}
    CAST(0 AS BIGINT) AS occurrence,
    {% elif grain == "year" %}
    minutes_of(make_date(CAST(year(a.anchor) AS INTEGER), 1, 1)) AS occurrence,
    {% elif anchor == "schedule" %}
    minutes_of(CAST($slot AS DATE)) AS occurrence,
    {% elif grain == "day" %}
    minutes_of(CAST(a.anchor AS DATE)) AS occurrence,
    {% else %}
    minutes_of(a.anchor) AS occurrence,
    {% endif %}
    s.campaign_id,
    s.step_id,
    s.place,
    s.variant,
    {% if columns_of_days %}
    CASE s.place
        {% for step, column in columns_of_days %}
        WHEN {{ step }} THEN CAST(a."{{ column }}" AS INTEGER)
        {% endfor %}
        ELSE s.days
    END AS days,
    {% else %}
    s.days,
    {% endif %}
    {% if repeat_column %}
    1440 * CAST(a."{{ repeat_column }}" AS BIGINT) AS repeat_minutes,
    {% else %}
    CAST($repeat_minutes AS BIGINT) AS repeat_minutes,
    {% endif %}
    {% if whens %}
    CASE s.place
        {% for step, predicate in whens %}
        WHEN {{ step }} THEN {{ predicate }}
        {% endfor %}
        ELSE true
    END AS when_holds
    {% else %}
    true AS when_holds
    {% endif %}
FROM {{ table }} AS a
INNER JOIN steps AS s ON s.campaign_id = {{ campaign }}
{% if condition %}
WHERE {{ condition }}
{% endif %}
