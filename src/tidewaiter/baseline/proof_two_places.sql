-- Sightings of a credential in a second network, between two uses in its own within five minutes each: nobody travels so fast.
SELECT {key}, "at", {column}, id
FROM (
    SELECT activity.*
    FROM activity
    JOIN carried ON carried.id = activity.id
    JOIN elsewhere
        ON elsewhere.sort = 'free' AND elsewhere.bearer = carried.bearer AND elsewhere.day = carried.day
        AND elsewhere.address = carried.address AND elsewhere.network <> elsewhere.home_network
    JOIN (
        SELECT
            carried.id,
            max(CASE WHEN carried.network = places.home_network THEN carried."at" END) OVER (
                PARTITION BY carried.bearer ORDER BY carried."at", carried.id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
            min(CASE WHEN carried.network = places.home_network THEN carried."at" END) OVER (
                PARTITION BY carried.bearer ORDER BY carried."at", carried.id
                ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS after
        FROM carried
        JOIN (
            SELECT bearer, min(home_network) AS home_network FROM elsewhere WHERE sort = 'free' GROUP BY bearer
        ) AS places ON places.bearer = carried.bearer
        WHERE carried.sort = 'free'
    ) AS between_uses ON between_uses.id = carried.id
    WHERE
        carried.sort = 'free'
        AND between_uses.before >= carried."at" - INTERVAL 5 MINUTES
        AND between_uses.after <= carried."at" + INTERVAL 5 MINUTES
) AS proven
WHERE array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0
ORDER BY {key}, "at", id
