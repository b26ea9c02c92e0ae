-- Sightings that a correlation counts, by actor and time; kinds of actor that stand for many people are left out.
SELECT actor, "at", {column}, id
FROM activity
WHERE
    NOT learn
    AND (array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0)
    AND NOT array_contains($left_out, actor_kind)
ORDER BY actor, "at", id
