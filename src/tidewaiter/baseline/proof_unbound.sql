-- Sightings of a service account without a pod, on two earlier days of which every token was bound to one.
-- Contexts are chosen first: joined by day, everything of a day would meet everybody.
SELECT {key}, "at", {column}, id
FROM (
    SELECT activity.*
    FROM activity
    JOIN (
        SELECT DISTINCT context.context, known.day
        FROM context
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
        ) AS known ON known.actor = context.actor
        WHERE
            context.plane = 'kubernetes' AND context.container IS NULL AND context.via IS NULL
            AND context.address IS NOT NULL
            AND known.days >= 2 AND known.free = 0
            AND (
                array_length(array_intersect(context.tripwires, $names)) > 0
                OR array_length(array_intersect(context.recognised, $names)) > 0
            )
    ) AS bare ON bare.context = activity.context AND bare.day = CAST(activity."at" AS DATE)
) AS proven
ORDER BY {key}, "at", id
