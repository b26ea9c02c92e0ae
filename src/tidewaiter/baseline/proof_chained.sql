-- Sightings in another's name by somebody in whose name, in turn, another acted within the hour before.
SELECT {key}, "at", {column}, id
FROM (
    SELECT activity.*
    FROM activity
    JOIN (
        -- `via` is a user name as it stands in the log; an actor of a service account is called namespace/name
        SELECT DISTINCT
            "at",
            CASE WHEN actor_kind = 'service-account'
                THEN concat('system:serviceaccount:', replace(actor_name, '/', ':')) ELSE actor_name END AS carrier,
            via
        FROM activity
        WHERE array_contains(traits, 'impersonating') AND via IS NOT NULL
    ) AS first
        ON first.carrier = activity.via AND first.via <> activity.via
        AND first."at" <= activity."at" AND first."at" >= activity."at" - INTERVAL 1 HOURS
    WHERE array_contains(activity.traits, 'impersonating')
) AS proven
WHERE array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0
GROUP BY {key}, "at", {column}, id
ORDER BY {key}, "at", id
