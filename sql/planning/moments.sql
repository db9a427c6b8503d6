-- One row per moment in the window that is not settled, with what stands for or against it apart from people.
WITH ordered AS (
    SELECT
        u.moment_id,
        bool_or(h.kind = 'pause') AS paused,
        -- Who is let in again by hand begins anew: what counts from before stays stopped.
        bool_or(h.kind = 'stop' AND NOT (h.lifted AND (NOT f.by_hand OR u.anchor_instant >= h.at))) AS stopped
    FROM unsettled AS u
    INNER JOIN flows AS f ON u.place = f.place
    INNER JOIN orders AS h
        ON
            u.campaign_id = h.campaign_id
            AND u.tenant_id = h.tenant_id
            AND u.subject_id = h.subject_id
            AND coalesce(h.occurrence, u.occurrence) = u.occurrence
    GROUP BY u.moment_id
),

-- What became of the step above for the same recipient, where it had them too.
above AS (
    SELECT
        u.moment_id,
        bool_or(p.sent) AS sent
    FROM unsettled AS u
    INNER JOIN follows AS f ON u.place = f.place
    INNER JOIN predecessors AS p
        ON
            u.occurrence = p.occurrence
            AND u.tenant_id = p.tenant_id
            AND f.step_id = p.step_id
            AND u.subject_id = p.subject_id
            AND u.recipient_id = p.recipient_id
    WHERE u.requires_sent
    GROUP BY u.moment_id
)

SELECT
    u.*,
    u.requires_sent AND NOT u.waiting AND NOT coalesce(a.sent, u.above_sent) AS ended,
    coalesce(h.paused, false) AS hand_paused,
    coalesce(h.stopped, false) AS stopped,
    coalesce(c.when_holds, true) AS when_holds,
    coalesce(c.exit_holds, false) AS exit_holds
FROM unsettled AS u
LEFT JOIN ordered AS h ON u.moment_id = h.moment_id
LEFT JOIN above AS a ON u.moment_id = a.moment_id
LEFT JOIN judged AS c ON u.moment_id = c.moment_id
