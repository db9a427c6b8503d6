-- One row per measure: what it says, how it is computed, and what it does not say.
SELECT
    measure,
    title,
    statistic,
    numerator,
    denominator,
    unit,
    better,
    meaning,
    caveat
FROM measure_definitions
ORDER BY measure
