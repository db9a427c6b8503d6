-- One row per step, as planned, of every campaign ever started, in its newest version: names for the numbers.
SELECT
    campaign,
    step,
    place,
    campaign_title AS title,
    step_title,
    campaign_state AS state
FROM declared_steps
ORDER BY campaign, step
