-- Sightings in another's name by somebody who did not act for others on two earlier days. Web consoles do nothing else.
SELECT {key}, "at", {column}, id
FROM (
    SELECT activity.*
    FROM activity
    JOIN (
        SELECT
            via, day,
            coalesce(sum(answered) OVER (
                PARTITION BY via ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) AS earlier
        FROM (
            SELECT
                via, CAST("at" AS DATE) AS day,
                max(CASE WHEN outcome IN ('answered', 'unknown') THEN 1 ELSE 0 END) AS answered
            FROM activity
            WHERE array_contains(traits, 'impersonating') AND via IS NOT NULL
            GROUP BY via, CAST("at" AS DATE)
        ) AS daily
    ) AS known ON known.via = activity.via AND known.day = CAST(activity."at" AS DATE)
    WHERE
        array_contains(activity.traits, 'impersonating') AND NOT array_contains(activity.traits, 'web-console')
        AND known.earlier < 2
) AS proven
WHERE array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0
ORDER BY {key}, "at", id
