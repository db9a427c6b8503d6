-- One row per campaign, or per campaign and tenant: what it was to do, what it did and how that ended.
WITH sums AS (
    SELECT
        campaign,
        CASE WHEN $by_tenant THEN tenant_id END AS tenant_id,
        sum(moments) AS moments,
        sum(CASE WHEN was_planned(state, reason) THEN moments ELSE 0 END) AS planned,
        sum(CASE WHEN state IN ('completed', 'dead', 'unknown') THEN moments ELSE 0 END) AS executions,
        sum(CASE WHEN state = 'completed' THEN moments ELSE 0 END) AS successes,
        sum(CASE WHEN state IN ('dead', 'unknown') THEN moments ELSE 0 END) AS failures,
        sum(CASE WHEN state IN ('pending', 'processing') THEN moments ELSE 0 END) AS pending,
        sum(CASE WHEN state IN ('skipped', 'cancelled') THEN moments ELSE 0 END) AS skipped,
        max(CASE WHEN state IN ('completed', 'dead', 'unknown') THEN last_finished END) AS last_execution
    FROM tallies
    GROUP BY campaign, CASE WHEN $by_tenant THEN tenant_id END
)

SELECT
    campaign,
    tenant_id,
    moments,
    planned,
    executions,
    successes,
    failures,
    CASE WHEN executions > 0 THEN CAST(successes AS DOUBLE) / executions END AS success_rate,
    pending,
    skipped,
    last_execution
FROM sums
ORDER BY campaign, tenant_id
