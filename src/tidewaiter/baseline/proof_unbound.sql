-- Sightings of a service account without a pod, on two earlier days of which every token was bound to one.
SELECT {key}, "at", {column}, id
FROM (
    SELECT activity.*
    FROM activity
    JOIN (
        SELECT
            actor, day,
            sum(free) OVER earlier AS free,
            count(*) OVER earlier AS days
        FROM (
            SELECT actor, CAST("at" AS DATE) AS day, max(CASE WHEN container IS NULL THEN 1 ELSE 0 END) AS free
            FROM activity
            WHERE plane = 'kubernetes' AND actor_kind = 'service-account' AND via IS NULL AND address IS NOT NULL
            GROUP BY actor, CAST("at" AS DATE)
        ) AS daily
        WINDOW earlier AS (PARTITION BY actor ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) AS known ON known.actor = activity.actor AND known.day = CAST(activity."at" AS DATE)
    WHERE
        activity.plane = 'kubernetes' AND activity.container IS NULL AND activity.via IS NULL
        AND activity.address IS NOT NULL
        AND known.days >= 2 AND known.free = 0
) AS proven
WHERE array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0
ORDER BY {key}, "at", id
