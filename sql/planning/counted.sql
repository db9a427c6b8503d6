-- One row per row of `asked` with such events in its past: how many of them each question counts.
{% for predicate in ways %}
SELECT
    t.asked_id
    {% for column, condition in counts %}
    , count(*) FILTER (WHERE {{ condition }}) AS {{ column }}
    {% endfor %}
FROM asked AS t
INNER JOIN happened AS e ON t.tenant_id = e.tenant_id AND {{ predicate }} AND e.at <= t.judged_at
GROUP BY t.asked_id
{% if not loop.last %}
UNION ALL
{% endif %}
{% endfor %}
