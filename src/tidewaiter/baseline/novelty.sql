-- What is not (yet) known to its actor. Measured against the days before.

-- While nobody's past is long enough to compare with ($young days), everything is new and nothing is a novelty.
CREATE OR REPLACE TEMPORARY TABLE novelty AS
SELECT
    seen.actor, seen.actor_kind, seen.plane, seen.day, seen.dimension, seen.value,
    seen.prior, seen.tried, active.history,
    coalesce(innovation.days, 0) AS innovations
FROM seen
JOIN active ON active.actor = seen.actor AND active.plane = seen.plane AND active.day = seen.day
LEFT JOIN (
    -- on how many earlier days (after its first) this actor did something new of this sort, and was answered
    SELECT
        actor, plane, dimension, day,
        sum(fresh) OVER (
            PARTITION BY actor, plane, dimension ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS days
    FROM (
        SELECT
            seen.actor, seen.plane, seen.dimension, seen.day,
            max(CASE WHEN seen.prior = 0 AND seen.taught = 1 AND active.history > 0 THEN 1 ELSE 0 END) AS fresh
        FROM seen
        JOIN active ON active.actor = seen.actor AND active.plane = seen.plane AND active.day = seen.day
        GROUP BY seen.actor, seen.plane, seen.dimension, seen.day
    ) AS fresh_days
) AS innovation
    ON innovation.actor = seen.actor AND innovation.plane = seen.plane
    AND innovation.dimension = seen.dimension AND innovation.day = seen.day
JOIN arrivals
    ON arrivals.plane = seen.plane AND arrivals.day = seen.day AND arrivals.estate_days >= $young
WHERE seen.prior < 2
