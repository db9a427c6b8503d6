-- One row per moment whose step or campaign sets conditions: whether the step's holds, and one to leave by.
SELECT
    q.row_id AS moment_id,
    bool_and(r.kind <> 'when' OR b.row_id IS NOT NULL) AS when_holds,
    bool_or(r.kind = 'exit' AND b.row_id IS NOT NULL) AS exit_holds
FROM questions AS q
INNER JOIN unsettled AS u ON q.row_id = u.moment_id
INNER JOIN asked_rules AS r ON u.place = r.place
LEFT JOIN held_rules AS b ON r.rule = b.rule AND q.row_id = b.row_id
GROUP BY q.row_id
