-- Notable sightings (new to their actor, broader than ever, or a tripwire), gathered into episodes:
-- one actor, no gap longer than three hours, so that one kind each half hour is still one story.
-- Parameter tables: hit(id, rule, weight) of correlations; both it and the profile tables are made before.

CREATE OR REPLACE TEMPORARY TABLE notable AS
SELECT
    sighting.*,
    hits.rules AS hit_rules
FROM sighting
LEFT JOIN (SELECT id, array_agg(rule) AS rules FROM hit GROUP BY id) AS hits ON hits.id = sighting.id
LEFT JOIN novelty AS new_kind
    ON new_kind.actor = sighting.actor AND new_kind.plane = sighting.plane AND new_kind.day = sighting.day
    AND new_kind.dimension = 'kind' AND new_kind.value = sighting.kind
LEFT JOIN novelty AS new_namespace
    ON new_namespace.actor = sighting.actor AND new_namespace.plane = sighting.plane
    AND new_namespace.day = sighting.day
    AND new_namespace.dimension = 'namespace' AND new_namespace.value = sighting.namespace
LEFT JOIN novelty AS new_tool
    ON new_tool.actor = sighting.actor AND new_tool.plane = sighting.plane AND new_tool.day = sighting.day
    AND new_tool.dimension = 'tool' AND new_tool.value = sighting.tool_name
LEFT JOIN novelty AS new_network
    ON new_network.actor = sighting.actor AND new_network.plane = sighting.plane AND new_network.day = sighting.day
    AND new_network.dimension = 'network' AND new_network.value = sighting.network
LEFT JOIN novelty AS new_scope
    ON new_scope.actor = sighting.actor AND new_scope.plane = sighting.plane AND new_scope.day = sighting.day
    AND new_scope.dimension = 'scope' AND new_scope.value = sighting.reach
LEFT JOIN novelty AS new_refusal
    ON new_refusal.actor = sighting.actor AND new_refusal.plane = sighting.plane AND new_refusal.day = sighting.day
    AND new_refusal.dimension = 'refused' AND new_refusal.value = sighting.kind AND sighting.outcome = 'refused'
WHERE NOT sighting.learn AND (
    sighting.role = 'tripwire'
    OR hits.id IS NOT NULL
    OR new_kind.value IS NOT NULL OR new_namespace.value IS NOT NULL OR new_tool.value IS NOT NULL
    OR new_network.value IS NOT NULL OR new_scope.value IS NOT NULL OR new_refusal.value IS NOT NULL
    OR EXISTS (
        SELECT 1 FROM wide
        WHERE wide.actor = sighting.actor AND wide.plane = sighting.plane
        AND sighting."at" >= wide.opens AND sighting."at" <= wide.closes
    )
);

CREATE OR REPLACE TEMPORARY TABLE told AS
SELECT *, sum(starts) OVER (PARTITION BY actor, plane ORDER BY "at", id ROWS UNBOUNDED PRECEDING) AS island
FROM (
    SELECT
        *,
        CASE
            WHEN "at" > lag("at") OVER (PARTITION BY actor, plane ORDER BY "at", id) + INTERVAL 3 HOURS THEN 1 ELSE 0
        END AS starts
    FROM notable
) AS gaps;

CREATE OR REPLACE TEMPORARY TABLE episode AS
SELECT
    actor, plane, island,
    min(actor_kind) AS actor_kind,
    min(actor_name) AS actor_name,
    min(realm) AS realm,
    min(via) AS via,
    min("at") AS opens,
    max("at") AS closes,
    min(day) AS day,
    count(*) AS requests,
    sum(CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END) AS answered,
    sum(CASE WHEN outcome = 'refused' THEN 1 ELSE 0 END) AS refused,
    sum(CASE WHEN verb = 'review' THEN 1 ELSE 0 END) AS reviews,
    array_agg(DISTINCT kind) AS kinds,
    array_agg(DISTINCT CASE WHEN reach = 'everything' THEN '*' ELSE namespace END) AS namespaces,
    array_agg(DISTINCT tool) AS tools,
    array_agg(DISTINCT address) AS addresses,
    min(CASE reach WHEN 'everything' THEN 0 WHEN 'namespace' THEN 1 ELSE 2 END) AS reach,
    max(CASE WHEN network_kind = 'public' THEN 1 ELSE 0 END) AS from_public
FROM told
GROUP BY actor, plane, island;

-- Everything an episode touched that was not yet known to its actor.
CREATE OR REPLACE TEMPORARY TABLE touched AS
SELECT DISTINCT actor, plane, island, day, 'kind' AS dimension, kind AS value FROM told
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'namespace', namespace FROM told
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'scope', reach FROM told
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'tool', tool_name FROM told
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'network', network FROM told
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'hour', CAST(hour AS VARCHAR) FROM told
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'refused', kind FROM told WHERE outcome = 'refused'
