-- One row per time a subject goes through a campaign: the day it is on, what it got, was spared and lost.
WITH counted AS (
    SELECT
        s.tenant_id,
        s.subject_id,
        s.occurrence,
        max(s.subject) AS subject,
        max(s.zone) AS zone,
        count(CASE WHEN s.state = 'completed' THEN 1 END) AS completed,
        count(CASE WHEN s.state IN ('skipped', 'cancelled') THEN 1 END) AS skipped,
        count(CASE WHEN s.state IN ('dead', 'unknown') THEN 1 END) AS failed,
        coalesce(sum(CASE WHEN s.attempts > 1 THEN s.attempts - 1 END), 0) AS retries,
        count(CASE WHEN s.state IN ('pending', 'processing') THEN 1 END) AS pending,
        count(CASE WHEN s.state = 'held' THEN 1 END) AS held,
        count(DISTINCT CASE WHEN s.state <> 'held' THEN o.own END) AS settled,
        min(plus_minutes(s.due_at, -1440 * o.days)) AS first_at
    FROM steps AS s
    INNER JOIN step_days AS o ON s.step = o.step
    GROUP BY s.tenant_id, s.subject_id, s.occurrence
),

-- Who was started by hand is on the way, though no step was due yet.
begun AS (
    SELECT
        h.tenant_id,
        h.subject_id,
        CASE WHEN $start_is_anchor THEN minutes_of(h.at) ELSE 0 END AS occurrence,
        max(h.subject) AS subject,
        max(h.at) AS started_at
    FROM starts AS h
    GROUP BY h.tenant_id, h.subject_id, CASE WHEN $start_is_anchor THEN minutes_of(h.at) ELSE 0 END
),

runs AS (
    SELECT
        coalesce(c.tenant_id, b.tenant_id) AS tenant_id,
        coalesce(c.subject_id, b.subject_id) AS subject_id,
        coalesce(c.occurrence, b.occurrence) AS occurrence,
        coalesce(c.subject, b.subject) AS subject,
        coalesce(c.zone, z.zone, 'UTC') AS zone,
        coalesce(c.completed, 0) AS completed,
        coalesce(c.skipped, 0) AS skipped,
        coalesce(c.failed, 0) AS failed,
        coalesce(c.retries, 0) AS retries,
        coalesce(c.pending, 0) AS pending,
        coalesce(c.held, 0) AS held,
        coalesce(c.settled, 0) AS settled,
        -- Occurrence 0 says nothing of the time: then the first step does.
        greatest(
            CASE WHEN $anchored AND c.occurrence <> 0 THEN plus_minutes($epoch, c.occurrence) ELSE c.first_at END,
            b.started_at
        ) AS entered_at
    FROM counted AS c
    FULL OUTER JOIN begun AS b
        ON
            c.tenant_id = b.tenant_id
            AND c.subject_id = b.subject_id
            AND (NOT $start_is_anchor OR c.occurrence = b.occurrence)
    LEFT JOIN zones AS z ON coalesce(c.tenant_id, b.tenant_id) = z.tenant_id
),

-- A stop ends what had begun before it, unless that is let go on again.
stopped AS (
    SELECT
        r.tenant_id,
        r.subject_id,
        r.occurrence,
        max(o.at) AS stopped_at
    FROM runs AS r
    INNER JOIN orders AS o
        ON r.tenant_id = o.tenant_id AND r.subject_id = o.subject_id AND r.entered_at <= o.at
    WHERE o.kind = 'stop' AND NOT (o.lifted AND NOT $by_hand)
    GROUP BY r.tenant_id, r.subject_id, r.occurrence
),

paused AS (
    SELECT
        r.tenant_id,
        r.subject_id,
        r.occurrence,
        sum(
            date_diff(
                'day',
                local_date(greatest(p.since, r.entered_at), r.zone),
                local_date(coalesce(p.until, $now), r.zone)
            )
        ) AS days,
        max(CASE WHEN p.until IS NULL THEN p.since END) AS paused_since
    FROM runs AS r
    INNER JOIN pauses AS p
        ON
            r.tenant_id = p.tenant_id
            AND r.subject_id = p.subject_id
            AND coalesce(p.until, $now) > r.entered_at
    GROUP BY r.tenant_id, r.subject_id, r.occurrence
),

dated AS (
    SELECT
        r.*,
        s.stopped_at,
        p.paused_since,
        local_date(r.entered_at, r.zone) AS entered_on,
        1 + date_diff('day', local_date(r.entered_at, r.zone), local_date(coalesce(s.stopped_at, $now), r.zone))
        - coalesce(p.days, 0) AS day
    FROM runs AS r
    LEFT JOIN stopped AS s
        ON r.tenant_id = s.tenant_id AND r.subject_id = s.subject_id AND r.occurrence = s.occurrence
    LEFT JOIN paused AS p
        ON r.tenant_id = p.tenant_id AND r.subject_id = p.subject_id AND r.occurrence = p.occurrence
)

SELECT
    d.tenant_id,
    d.subject_id,
    d.occurrence,
    d.subject,
    d.entered_on,
    CAST(least(greatest(d.day, 1), coalesce($duration, d.day)) AS BIGINT) AS day,
    CAST(round(100.0 * least(greatest(d.day, 1), $duration) / $duration) AS BIGINT) AS percentage,
    d.completed,
    d.skipped,
    d.failed,
    CAST(d.retries AS BIGINT) AS retries,
    d.pending,
    d.held,
    CASE
        WHEN d.stopped_at IS NOT NULL THEN 'stopped'
        WHEN d.pending = 0 AND d.held = 0 AND (d.day > $duration OR d.settled >= $steps) THEN 'finished'
        WHEN d.paused_since IS NOT NULL THEN 'paused'
        ELSE 'running'
    END AS standing,
    d.paused_since,
    d.stopped_at
FROM dated AS d
ORDER BY d.tenant_id, d.subject_id, d.occurrence
