-- Notable sightings (new to their actor, broader than ever, or a tripwire), gathered into episodes:
-- one actor, no gap longer than three hours, so that one kind each half hour is still one story.
-- Parameter tables: hit(id, rule, weight) of correlations; both it and the profile tables are made before.

-- Only an actor's days with something new in them need a closer look.
CREATE OR REPLACE TEMPORARY TABLE new_day AS
SELECT sighting.*
FROM sighting
JOIN (SELECT DISTINCT actor, plane, day FROM novelty) AS days
    ON days.actor = sighting.actor AND days.plane = sighting.plane AND days.day = sighting.day;

CREATE OR REPLACE TEMPORARY TABLE novel AS
SELECT DISTINCT new_day.id
FROM new_day
JOIN novelty ON novelty.actor = new_day.actor AND novelty.plane = new_day.plane AND novelty.day = new_day.day
WHERE
    novelty.dimension = 'kind' AND novelty.value = new_day.kind
    OR novelty.dimension = 'namespace' AND novelty.value = new_day.namespace
    OR novelty.dimension = 'tool' AND novelty.value = new_day.tool_name
    OR novelty.dimension = 'network' AND novelty.value = new_day.network
    OR novelty.dimension = 'scope' AND novelty.value = new_day.reach
    OR novelty.dimension = 'refused' AND novelty.value = new_day.kind AND new_day.outcome = 'refused'
UNION
SELECT sighting.id
FROM sighting
JOIN wide
    ON wide.actor = sighting.actor AND wide.plane = sighting.plane AND wide.kind = sighting.kind
    AND sighting."at" >= wide.opens AND sighting."at" <= wide.closes
UNION
-- Who comes back after a month is looked at whatever was known of it; days without any log are nobody's absence.
SELECT sighting.id
FROM sighting
JOIN active ON active.actor = sighting.actor AND active.plane = sighting.plane AND active.day = sighting.day
JOIN arrivals AS back ON back.plane = active.plane AND back.day = active.day
JOIN arrivals AS gone ON gone.plane = active.plane AND gone.day = active.before
WHERE date_diff('day', active.before, active.day) > 30 AND back.estate_days - gone.estate_days > 5;

CREATE OR REPLACE TEMPORARY TABLE notable AS
SELECT
    sighting.*,
    -- strangers who take turns are named by one of them, see profile.sql
    CASE WHEN sighting.actor_kind = 'anonymous' THEN split_part(sighting.actor, '|', 3) ELSE looked.actor_name
    END AS actor_name,
    looked.realm, looked.via, looked.verb, looked.tool, looked.address,
    looked.network_kind, looked.recognised, hits.rules AS hit_rules
FROM sighting
JOIN looked ON looked.context = sighting.context
LEFT JOIN (SELECT id, array_agg(rule) AS rules FROM hit GROUP BY id) AS hits ON hits.id = sighting.id
WHERE
    NOT sighting.learn AND sighting.day >= (SELECT day FROM horizon)
    AND (
        sighting.role IN ('tripwire', 'own') OR hits.id IS NOT NULL
        OR sighting.role <> 'counted' AND sighting.id IN (SELECT id FROM novel)
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

-- What users' own rules asked for is judged by these rules alone: that it is new says nothing.
CREATE OR REPLACE TEMPORARY TABLE around AS
SELECT * FROM told WHERE role IN ('evidence', 'tripwire');

-- Everything an episode touched that was not yet known to its actor.
CREATE OR REPLACE TEMPORARY TABLE touched AS
SELECT DISTINCT actor, plane, island, day, 'kind' AS dimension, kind AS value, outcome
FROM around
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'namespace', namespace, outcome
FROM around
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'scope', reach, outcome
FROM around
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'tool', tool_name, outcome
FROM around
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'network', network, outcome
FROM around
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'hour', lpad(CAST(hour AS VARCHAR), 2, '0'), outcome
FROM around
UNION ALL
SELECT DISTINCT
    actor, plane, island, day, 'weekday', CAST(date_diff('day', DATE '2001-01-01', day) % 7 AS VARCHAR), outcome
FROM around
UNION ALL
SELECT DISTINCT actor, plane, island, day, 'refused', kind, outcome
FROM around WHERE outcome = 'refused'
