-- What is not (yet) known to its actor, and to how many others it is known. Measured against the days before.

CREATE OR REPLACE TEMPORARY TABLE arrivals AS
SELECT
    days.plane, days.day,
    count(DISTINCT firsts.day) AS new_actor_days,
    count(DISTINCT earlier.day) AS estate_days
FROM (SELECT DISTINCT plane, day FROM active) AS days
LEFT JOIN (SELECT DISTINCT plane, day FROM active) AS earlier
    ON earlier.plane = days.plane AND earlier.day < days.day
LEFT JOIN (SELECT DISTINCT plane, day FROM active WHERE history = 0) AS firsts
    ON firsts.plane = earlier.plane AND firsts.day = earlier.day
GROUP BY days.plane, days.day;

-- While nobody's past is long enough to compare with ($young days), everything is new and nothing is a novelty.
CREATE OR REPLACE TEMPORARY TABLE novelty AS
SELECT
    seen.actor, seen.actor_kind, seen.plane, seen.day, seen.dimension, seen.value,
    seen.prior, seen.tried, active.history,
    coalesce(innovation.days, 0) AS innovations
FROM seen
JOIN active ON active.actor = seen.actor AND active.plane = seen.plane AND active.day = seen.day
LEFT JOIN (
    -- on how many earlier days (after its first) this actor did something new of this sort
    SELECT
        actor, plane, dimension, day,
        sum(fresh) OVER (
            PARTITION BY actor, plane, dimension ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS days
    FROM (
        SELECT
            seen.actor, seen.plane, seen.dimension, seen.day,
            max(CASE WHEN seen.prior = 0 AND active.history > 0 THEN 1 ELSE 0 END) AS fresh
        FROM seen
        JOIN active ON active.actor = seen.actor AND active.plane = seen.plane AND active.day = seen.day
        GROUP BY seen.actor, seen.plane, seen.dimension, seen.day
    ) AS fresh_days
) AS innovation
    ON innovation.actor = seen.actor AND innovation.plane = seen.plane
    AND innovation.dimension = seen.dimension AND innovation.day = seen.day
JOIN arrivals
    ON arrivals.plane = seen.plane AND arrivals.day = seen.day AND arrivals.estate_days >= $young
WHERE seen.prior < 2;

-- Peers are the other actors of the same kind on the same plane; the estate is everybody else on the plane.
CREATE OR REPLACE TEMPORARY TABLE crowd AS
SELECT
    days.plane, days.actor_kind, days.day,
    sum(CASE WHEN others.actor_kind = days.actor_kind THEN 1 ELSE 0 END) AS peers,
    count(others.actor) AS estate,
    min(others.day) AS since
FROM (SELECT DISTINCT plane, actor_kind, day FROM active) AS days
LEFT JOIN (SELECT actor, actor_kind, plane, day FROM active WHERE history = 1) AS others
    ON others.plane = days.plane AND others.day < days.day
GROUP BY days.plane, days.actor_kind, days.day;

CREATE OR REPLACE TEMPORARY TABLE departure AS
SELECT
    novelty.actor, novelty.plane, novelty.day, novelty.dimension, novelty.value,
    novelty.prior, novelty.tried, novelty.history, novelty.innovations,
    sum(CASE WHEN known.actor_kind = novelty.actor_kind THEN 1 ELSE 0 END) AS peers_known,
    count(known.actor) AS estate_known,
    -- the crowd has a past of two days, and so it holds the actor itself, if it has one
    max(crowd.peers) - CASE WHEN novelty.history >= 2 THEN 1 ELSE 0 END AS peers,
    max(crowd.estate) - CASE WHEN novelty.history >= 2 THEN 1 ELSE 0 END AS estate
FROM novelty
JOIN crowd
    ON crowd.plane = novelty.plane AND crowd.actor_kind = novelty.actor_kind AND crowd.day = novelty.day
LEFT JOIN known
    ON known.plane = novelty.plane AND known.dimension = novelty.dimension AND known.value = novelty.value
    AND known.since < novelty.day AND known.actor <> novelty.actor
GROUP BY
    novelty.actor, novelty.plane, novelty.day, novelty.dimension, novelty.value,
    novelty.prior, novelty.tried, novelty.history, novelty.innovations
