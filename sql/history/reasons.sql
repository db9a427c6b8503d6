-- One row per campaign (and tenant) and reason: moments that nothing was sent for, and those still held.
WITH negatives AS (
    SELECT
        campaign,
        CASE WHEN $by_tenant THEN tenant_id END AS tenant_id,
        CASE
            WHEN state = 'cancelled' THEN 'cancelled'
            -- In the ledger this is said by the last check before hand-off.
            WHEN reason = 'suppressed' THEN 'withheld'
            WHEN reason = 'stale' THEN coalesce(held_by, reason)
            ELSE reason
        END AS reason,
        moments AS settled,
        0 AS held
    FROM tallies
    WHERE state IN ('skipped', 'cancelled')
    UNION ALL
    SELECT
        campaign,
        CASE WHEN $by_tenant THEN tenant_id END AS tenant_id,
        reason,
        0 AS settled,
        1 AS held
    FROM held
)

SELECT
    campaign,
    tenant_id,
    reason,
    sum(settled) AS settled,
    sum(held) AS held
FROM negatives
GROUP BY campaign, tenant_id, reason
ORDER BY campaign, tenant_id, reason
