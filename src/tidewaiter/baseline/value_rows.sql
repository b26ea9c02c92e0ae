-- What one actor did: each value with its days, the days on which it taught, and the first and last of these.
SELECT dimension, value, days, taught, first, last
FROM (
    SELECT dimension, value, count(*) AS days, CAST(sum(taught) AS INTEGER) AS taught, min(day) AS first, max(day) AS last
    FROM fact
    WHERE actor = $actor AND plane = $plane AND dimension IN ('kind', 'namespace', 'scope', 'network', 'hour', 'refused')
    GROUP BY dimension, value
    UNION ALL
    SELECT
        more.dimension, more.value, count(DISTINCT more.day), count(DISTINCT CASE WHEN more.teaches = 1 THEN more.day END),
        min(more.day), max(more.day)
    FROM (
        SELECT 'tool' AS dimension, looked.tool AS value, sighting.day, sighting.teaches
        FROM sighting JOIN looked ON looked.context = sighting.context
        WHERE sighting.actor = $actor AND sighting.plane = $plane
        UNION ALL
        SELECT 'address', looked.address, sighting.day, sighting.teaches
        FROM sighting JOIN looked ON looked.context = sighting.context
        WHERE sighting.actor = $actor AND sighting.plane = $plane
        UNION ALL
        SELECT 'class', class, day, teaches FROM sighting WHERE actor = $actor AND plane = $plane
        UNION ALL
        -- 2001-01-01 was a Monday
        SELECT 'weekday', CAST(date_diff('day', DATE '2001-01-01', day) % 7 AS VARCHAR), day, teaches
        FROM sighting WHERE actor = $actor AND plane = $plane
    ) AS more
    GROUP BY more.dimension, more.value
) AS done
WHERE value IS NOT NULL
ORDER BY dimension, taught DESC, days DESC, value
