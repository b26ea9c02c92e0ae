-- On how many earlier days what a correlation finds was found of the same actor, and was answered: its trade, see profile.sql.
CREATE OR REPLACE TEMPORARY TABLE hit_day AS
SELECT
    actor, plane, day, rule, taught,
    coalesce(sum(taught) OVER (
        PARTITION BY actor, plane, rule ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS prior
FROM (
    SELECT sighting.actor, sighting.plane, sighting.day, hit.rule, max(sighting.teaches) AS taught
    FROM hit
    JOIN sighting ON sighting.id = hit.id
    WHERE sighting.day >= (SELECT day FROM horizon)
    GROUP BY sighting.actor, sighting.plane, sighting.day, hit.rule
    UNION ALL
    SELECT actor, plane, day, rule, max(taught) FROM past_hit GROUP BY actor, plane, day, rule
) AS daily
