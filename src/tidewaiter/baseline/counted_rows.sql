-- Sightings that a correlation counts, by actor and time; kinds of actor that stand for many people are left out.
SELECT actor, "at", {column}, id
FROM activity
WHERE
    NOT learn
    AND (list_has_any(tripwires, $names) OR list_has_any(recognised, $names))
    AND NOT array_contains($left_out, actor_kind)
ORDER BY actor, "at", id
