-- How many earlier days of logs there are on each day, and on how many of them somebody new was answered;
-- also for days still to come (day_ahead), of which a service asks before they have a past.

-- Somebody new is who was answered for the first time: strangers who knock at the door do not make newcomers ordinary.
CREATE OR REPLACE TEMPORARY TABLE arrivals AS
SELECT
    days.plane, days.day,
    count(DISTINCT firsts.day) AS new_actor_days,
    count(DISTINCT earlier.day) AS estate_days
FROM (SELECT plane, day FROM active UNION SELECT plane, day FROM day_ahead) AS days
LEFT JOIN (SELECT DISTINCT plane, day FROM active) AS earlier
    ON earlier.plane = days.plane AND earlier.day < days.day
LEFT JOIN (SELECT DISTINCT plane, day FROM active WHERE taught = 1 AND taught_days = 1) AS firsts
    ON firsts.plane = earlier.plane AND firsts.day = earlier.day
GROUP BY days.plane, days.day
