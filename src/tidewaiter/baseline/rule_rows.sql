SELECT
    fired.actor, fired.plane, fired.island, fired.rule, fired.tripwire, fired.times,
    coalesce(seen.prior, hit_day.prior, 0) AS prior
FROM (
    SELECT actor, plane, island, rule, max(tripwire) AS tripwire, count(*) AS times, min(day) AS day
    FROM (
        SELECT actor, plane, island, day, unnest(tripwires) AS rule, 1 AS tripwire FROM told
        UNION ALL
        SELECT actor, plane, island, day, unnest(hit_rules), 1 FROM told
        UNION ALL
        SELECT actor, plane, island, day, unnest(recognised), 0 FROM told
    ) AS rules
    GROUP BY actor, plane, island, rule
) AS fired
LEFT JOIN seen
    ON seen.actor = fired.actor AND seen.plane = fired.plane AND seen.day = fired.day
    AND seen.dimension = 'tripwire' AND seen.value = fired.rule
LEFT JOIN hit_day
    ON hit_day.actor = fired.actor AND hit_day.plane = fired.plane AND hit_day.day = fired.day
    AND hit_day.rule = fired.rule
ORDER BY fired.actor, fired.plane, fired.island, fired.rule
