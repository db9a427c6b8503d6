-- One row per moment of one audience whose conditions are asked, with everything they may refer to.
SELECT
    q.row_id,
    q.tenant_id,
    {% for column in columns %}
    a."{{ column }}",
    {% endfor %}
    {% for column in settings %}
    g."{{ column }}" AS "setting.{{ column }}",
    {% endfor %}
    {% for column in counts %}
    h."{{ column }}",
    {% endfor %}
    {% if scored %}
    coalesce(e.engagement_score, 0) AS engagement_score,
    {% endif %}
    q.judged_at
FROM questions AS q
INNER JOIN {{ table }} AS a ON q.audience_row = a.row_id
LEFT JOIN settings AS g ON q.tenant_id = g.tenant_id
{% if counts %}
INNER JOIN happenings AS h ON q.row_id = h.row_id
{% endif %}
{% if scored %}
LEFT JOIN engagement_scores AS e ON q.tenant_id = e.tenant_id AND q.customer_id = e.customer_id
{% endif %}
WHERE q.audience = $audience
