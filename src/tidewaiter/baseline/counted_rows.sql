-- Sightings that a correlation counts, by what it groups by and time; kinds of actor that stand for many people are left
-- out where it groups by actor.
SELECT {key}, "at", {column}, id
FROM activity
WHERE
    (array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0)
    AND NOT array_contains($left_out, actor_kind)
ORDER BY {key}, "at", id
