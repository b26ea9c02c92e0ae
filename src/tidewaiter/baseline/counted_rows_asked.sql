-- As counted_rows.sql, of the groups to which those who are asked about belong.
SELECT {key}, "at", {column}, id
FROM activity
WHERE
    (array_length(array_intersect(tripwires, $names)) > 0 OR array_length(array_intersect(recognised, $names)) > 0)
    AND NOT array_contains($left_out, actor_kind)
    AND "at" >= (SELECT day FROM horizon)
    AND {key} IN (SELECT {key} FROM activity WHERE actor IN (SELECT actor FROM asked))
ORDER BY {key}, "at", id
