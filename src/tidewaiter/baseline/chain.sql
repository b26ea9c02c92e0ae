-- What followed the discovery of an episode, until 30 minutes after its last sighting: deeds (activities of the rules in
-- link_rule) of the same actor on any plane, and of others in the same container or from the same address; and that the
-- actor itself goes on from a network that it never used.
-- The tables of profile.sql and episodes.sql and link_rule are made before. Failed deeds changed nothing and tell nothing.

CREATE OR REPLACE TEMPORARY TABLE deed_context AS
SELECT said.*
FROM (
    SELECT
        context, actor, actor_kind, realm, plane, outcome, address, container, learn, unnest(recognised) AS rule,
        CASE WHEN outcome = 'refused' THEN 1 ELSE 0 END AS refused,
        CASE WHEN array_contains(traits, 'in-shell') THEN 1 ELSE 0 END AS in_shell,
        CASE
            WHEN scope = 'everything' OR array_contains(traits, 'all-namespaces') THEN 0
            WHEN scope = 'namespace' THEN 1 ELSE 2
        END AS reach
    FROM context
    WHERE outcome <> 'failed'
) AS said
JOIN link_rule ON link_rule.rule = said.rule;

-- Without a sighting that is discovery, and nothing but that, no story begins.
CREATE OR REPLACE TEMPORARY TABLE begun AS
SELECT around.actor, around.plane, around.island, min(around."at") AS begins, max(episode.closes) + INTERVAL 30 MINUTES AS ends
FROM around
JOIN episode ON episode.actor = around.actor AND episode.plane = around.plane AND episode.island = around.island
WHERE around.context NOT IN (SELECT context FROM deed_context)
GROUP BY around.actor, around.plane, around.island;

-- A pod's name is unique within its namespace only, and sensors of hosts tell the name alone: one that pods of several
-- namespaces have joins nobody to anybody. An account's pods are in its own namespace.
CREATE OR REPLACE TEMPORARY TABLE ambiguous AS
SELECT container
FROM context
WHERE plane = 'kubernetes' AND actor_kind = 'service-account' AND container IS NOT NULL
GROUP BY container
HAVING count(DISTINCT split_part(actor_name, '/', 1)) > 1;

-- By what others are known to belong to the story: 0 the actor itself, 1 its container, 2 its address.
CREATE OR REPLACE TEMPORARY TABLE trail AS
SELECT actor, plane, island, begins, ends, 0 AS near, actor AS value, NULL AS realm
FROM begun
UNION ALL
SELECT DISTINCT begun.actor, begun.plane, begun.island, begun.begins, begun.ends, 1, looked.container, looked.realm
FROM begun
JOIN around ON around.actor = begun.actor AND around.plane = begun.plane AND around.island = begun.island
JOIN looked ON looked.context = around.context
WHERE looked.container IS NOT NULL AND looked.container NOT IN (SELECT container FROM ambiguous)
UNION ALL
SELECT DISTINCT begun.actor, begun.plane, begun.island, begun.begins, begun.ends, 2, around.address, NULL
FROM begun
JOIN around ON around.actor = begun.actor AND around.plane = begun.plane AND around.island = begun.island
WHERE around.address IS NOT NULL AND around.network_kind IN ('private', 'public');

-- An address of many (a proxy, a node, a way out of a network) joins nobody to anybody.
CREATE OR REPLACE TEMPORARY TABLE crowded AS
SELECT context.address, CAST(occurrence."at" AS DATE) AS day
FROM occurrence
JOIN context ON context.context = occurrence.context
JOIN (SELECT DISTINCT value FROM trail WHERE near = 2) AS wanted ON wanted.value = context.address
GROUP BY context.address, CAST(occurrence."at" AS DATE)
HAVING count(DISTINCT context.actor) > $most;

CREATE OR REPLACE TEMPORARY TABLE foot AS
SELECT context, 0 AS near, actor AS value FROM deed_context
UNION
SELECT context, 1, container FROM deed_context WHERE container IS NOT NULL
UNION
SELECT context, 2, address FROM deed_context WHERE address IS NOT NULL;

CREATE OR REPLACE TEMPORARY TABLE deed AS
SELECT
    trail.actor, trail.plane, trail.island, min(trail.near) AS near,
    deed_context.actor AS doer, deed_context.rule, deed_context.reach, deed_context.refused, deed_context.in_shell,
    occurrence.id, occurrence."at"
FROM trail
JOIN foot ON foot.near = trail.near AND foot.value = trail.value
JOIN deed_context ON deed_context.context = foot.context
JOIN occurrence
    ON occurrence.context = deed_context.context
    AND occurrence."at" >= trail.begins AND occurrence."at" <= trail.ends
LEFT JOIN crowded
    ON trail.near = 2 AND crowded.address = trail.value AND crowded.day = CAST(occurrence."at" AS DATE)
WHERE
    NOT deed_context.learn AND crowded.address IS NULL
    AND (trail.near = 0 OR deed_context.actor <> trail.actor)
    -- A pod has one account: two accounts in pods of one name are two pods, in two namespaces.
    AND NOT (trail.near = 1 AND trail.plane = 'kubernetes' AND deed_context.plane = 'kubernetes')
    -- Two hosts may each have a container of that name.
    AND NOT (trail.near = 1 AND trail.plane = 'host' AND deed_context.plane = 'host' AND trail.realm <> deed_context.realm)
GROUP BY
    trail.actor, trail.plane, trail.island, deed_context.actor, deed_context.rule, deed_context.reach,
    deed_context.refused, deed_context.in_shell, occurrence.id, occurrence."at";

-- An episode may last a day: a deed follows only what was looked at within the half hour before it.
CREATE OR REPLACE TEMPORARY TABLE followed AS
SELECT *
FROM (
    SELECT
        *,
        max(looked) OVER (
            PARTITION BY actor, plane, island ORDER BY "at", place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS before
    FROM (
        SELECT actor, plane, island, near, doer, rule, reach, refused, in_shell, id, "at", NULL AS looked, 1 AS place
        FROM deed
        UNION ALL
        SELECT
            around.actor, around.plane, around.island, NULL, NULL, NULL, NULL, NULL, NULL, around.id, around."at",
            around."at", 0
        FROM around
        JOIN (SELECT DISTINCT actor, plane, island FROM deed) AS told_of
            ON told_of.actor = around.actor AND told_of.plane = around.plane AND told_of.island = around.island
        WHERE around.context NOT IN (SELECT context FROM deed_context)
    ) AS steps
) AS story
WHERE place = 1 AND "at" <= before + INTERVAL 30 MINUTES;

-- The same done again and again is one link, told by its first time. A shell and what it starts are one deed.
CREATE OR REPLACE TEMPORARY TABLE link AS
SELECT actor, plane, island, doer, rule, reach, refused, near, id, CAST("at" AS DATE) AS day, times
FROM (
    SELECT
        actor, plane, island, doer, rule, reach, refused, near, id, "at",
        count(*) OVER (PARTITION BY actor, plane, island, doer, rule, reach, refused, in_shell) AS times,
        row_number() OVER (
            PARTITION BY actor, plane, island, doer, rule, reach, refused ORDER BY in_shell, "at", id
        ) AS turn
    FROM followed
) AS told_once
WHERE turn = 1;

-- The days on which somebody did such a thing. Refusals make refusals ordinary, and nothing else; the anonymous have no habits.
CREATE OR REPLACE TEMPORARY TABLE custom AS
SELECT DISTINCT
    deed_context.actor, deed_context.rule, deed_context.reach, deed_context.refused, CAST(occurrence."at" AS DATE) AS day
FROM occurrence
JOIN deed_context ON deed_context.context = occurrence.context
JOIN (SELECT DISTINCT doer, rule FROM link) AS wanted
    ON wanted.doer = deed_context.actor AND wanted.rule = deed_context.rule
WHERE deed_context.actor_kind <> 'anonymous';

-- Whoever looks around goes on, within half an hour, from a network that is not known to it: its credential was carried
-- on. The first time in each such network. Another family of addresses is the same client; the anonymous have nothing
-- that could be carried, and in the cloud every service has addresses of its own.
CREATE OR REPLACE TEMPORARY TABLE moved AS
SELECT here.actor, here.plane, here.island, here.network, here.id, here."at", here.day
FROM (
    SELECT
        *,
        row_number() OVER (PARTITION BY actor, plane, island, network ORDER BY "at", id) AS turn
    FROM around
    WHERE
        plane IN ('kubernetes', 'web') AND network_kind IN ('private', 'public') AND actor_kind <> 'anonymous'
        AND outcome <> 'failed'
) AS here
LEFT JOIN known
    ON known.actor = here.actor AND known.plane = here.plane AND known.dimension = 'network'
    AND known.value = here.network AND known.since < here.day
WHERE
    here.turn = 1 AND known.value IS NULL
    AND EXISTS (
        SELECT 1
        FROM around AS there
        WHERE
            there.actor = here.actor AND there.plane = here.plane AND there.island = here.island
            AND there.network <> here.network AND (there.network LIKE '%:%') = (here.network LIKE '%:%')
            AND there.network_kind IN ('private', 'public')
            AND there."at" < here."at" AND there."at" >= here."at" - INTERVAL 30 MINUTES
    );

INSERT INTO link
SELECT actor, plane, island, actor, 'new-address@1', 0, 0, 0, id, day, times
FROM (
    SELECT
        *,
        count(*) OVER (PARTITION BY actor, plane, island) AS times,
        row_number() OVER (PARTITION BY actor, plane, island ORDER BY "at", id) AS turn
    FROM moved
) AS told_once
WHERE turn = 1;

-- The days on which it came from several networks.
INSERT INTO custom
SELECT fact.actor, 'new-address@1', 0, 0, fact.day
FROM fact
JOIN (SELECT DISTINCT actor, plane FROM moved) AS movers ON movers.actor = fact.actor AND movers.plane = fact.plane
WHERE fact.dimension = 'network' AND fact.taught = 1
GROUP BY fact.actor, fact.plane, fact.day
HAVING count(DISTINCT fact.value) > 1
