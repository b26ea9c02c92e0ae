-- The actors of a name, on each plane on which they looked around.
SELECT DISTINCT context.actor, context.actor_kind, context.actor_name, context.realm, context.via, context.plane
FROM context
JOIN active ON active.actor = context.actor AND active.plane = context.plane
WHERE context.actor_name = $name
ORDER BY context.plane, context.actor
