-- Sightings that an address of the Internet relays for an inside one, and no proxy that we know: see proof_claims.
SELECT {key}, "at", {column}, id
FROM activity
WHERE
    claimed_kind IN ('loopback', 'private') AND network_kind = 'public'
    AND address NOT IN (
        SELECT address FROM context WHERE claimed IS NOT NULL AND address IS NOT NULL
        GROUP BY address HAVING count(DISTINCT actor) >= 3
    )
    AND (array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0)
ORDER BY {key}, "at", id
