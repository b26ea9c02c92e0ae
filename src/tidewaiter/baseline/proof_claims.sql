-- Relayed sightings whose relay is no proxy that we know: a proxy relays for several people or programs.
SELECT {key}, "at", {column}, id
FROM activity
WHERE
    claimed IS NOT NULL
    AND address NOT IN (
        SELECT address FROM context WHERE claimed IS NOT NULL AND address IS NOT NULL
        GROUP BY address HAVING count(DISTINCT actor) >= 3
    )
    AND (array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0)
ORDER BY {key}, "at", id
