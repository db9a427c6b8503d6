-- One row per candidate at a place of the variant that its subject gets.
WITH chosen AS (
    SELECT
        c.candidate_id,
        -- With what they began, they go on. Then a winner outranks the draw.
        coalesce(b.variant, w.winner, v.variant) AS variant
    FROM possible AS c
    INNER JOIN promoting AS p ON c.campaign_id = p.campaign_id
    INNER JOIN experiments AS x ON c.campaign_id = x.campaign_id
    LEFT JOIN begun AS b
        ON
            c.campaign_id = b.campaign_id
            AND c.tenant_id = b.tenant_id
            AND c.subject_id = b.subject_id
            AND c.occurrence = b.occurrence
    LEFT JOIN verdicts AS w
        ON
            c.campaign_id = w.campaign_id
            AND c.tenant_id = w.tenant_id
            AND w.occurrence = CASE WHEN p.by_slot THEN c.occurrence ELSE 0 END
    LEFT JOIN parts AS v
        ON
            c.campaign_id = v.campaign_id
            AND draw01(x.seed, c.tenant_id || ':' || c.subject_id) >= v.lo
            AND draw01(x.seed, c.tenant_id || ':' || c.subject_id) < v.hi
)

SELECT c.*
FROM possible AS c
LEFT JOIN chosen AS h ON c.candidate_id = h.candidate_id
WHERE h.candidate_id IS NULL OR c.variant = h.variant
