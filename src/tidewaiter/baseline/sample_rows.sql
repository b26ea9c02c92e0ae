-- The most telling sightings of each episode: tripwires first, then what a correlation matched, then new kinds, in time.
SELECT
    picked.actor, picked.plane, picked.opens,
    activity.id, activity."at", activity.actor_kind, activity.actor_name, activity.realm, activity.via, activity.plane,
    activity.verb, activity.kind, activity.class, activity.scope, activity.namespace, activity.name, activity.outcome,
    activity.disclosed, activity.address, activity.tool, activity.container, activity.text, activity.traits,
    activity.source, activity.path, activity.line, activity.off,
    activity.tripwires, picked.hit_rules, activity.recognised
FROM (
    SELECT
        told.id, told.actor, told.plane, told.hit_rules, episode.opens,
        row_number() OVER (
            PARTITION BY told.actor, told.plane, told.island
            ORDER BY
                CASE WHEN told.role IN ('tripwire', 'own') THEN 0 ELSE 1 END,
                CASE WHEN told.hit_rules IS NULL THEN 1 ELSE 0 END,
                told.first_of_kind DESC, told.weight DESC, told."at", told.id
        ) AS place
    FROM (
        SELECT
            *,
            CASE WHEN row_number() OVER (PARTITION BY actor, plane, island, kind ORDER BY "at", id) = 1
                THEN 1 ELSE 0 END AS first_of_kind
        FROM told
    ) AS told
    JOIN episode ON episode.actor = told.actor AND episode.plane = told.plane AND episode.island = told.island
) AS picked
JOIN activity ON activity.id = picked.id
WHERE picked.place <= $most
ORDER BY picked.opens, picked.actor, picked.plane, picked.place
