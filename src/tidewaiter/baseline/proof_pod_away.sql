-- Sightings of a pod's token where neither the pod nor its node is.
SELECT {key}, "at", {column}, id
FROM (
    SELECT activity.*
    FROM activity
    JOIN carried ON carried.id = activity.id
    JOIN away
        ON away.sort = 'pod' AND away.sort = carried.sort AND away.bearer = carried.bearer
        AND away.day = carried.day AND away.address = carried.address
) AS proven
WHERE array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0
ORDER BY {key}, "at", id
