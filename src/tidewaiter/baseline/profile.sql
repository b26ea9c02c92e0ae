-- What each actor did on each day, and on how many earlier days it did the same.
-- A day is a UTC day. Only reads of inventory count (role evidence or tripwire), and what users' own rules asked for (own,
-- and counted when only a correlation names the rule): these are days on which somebody was there, and never a novelty.

CREATE OR REPLACE TEMPORARY TABLE looked AS
SELECT
    *,
    split_part(tool, '/', 1) AS tool_name,
    CASE WHEN array_contains(traits, 'all-namespaces') OR scope = 'everything' THEN 'everything' ELSE scope END AS reach
FROM context
WHERE role <> 'context';

-- `sh -c 'docker ps'` and the `docker ps` that it starts are two processes and one request: the shell's is left out,
-- unless it says more (another tripwire) or nothing of the same kind followed within the same or the next second.
CREATE OR REPLACE TEMPORARY TABLE command AS
SELECT
    occurrence.id, looked.actor, looked.kind, looked.tripwires, looked.role,
    date_trunc('second', occurrence."at") AS second, array_contains(looked.traits, 'in-shell') AS in_shell
FROM occurrence
JOIN looked ON looked.context = occurrence.context
WHERE looked.plane = 'host';

CREATE OR REPLACE TEMPORARY TABLE told_by_child AS
SELECT DISTINCT shell.id
FROM command AS shell
JOIN command AS child
    ON child.actor = shell.actor AND child.kind = shell.kind
    AND (shell.role = 'evidence' OR child.tripwires = shell.tripwires)
    AND (child.second = shell.second OR child.second = shell.second + INTERVAL 1 SECONDS)
WHERE shell.in_shell AND NOT child.in_shell;

CREATE OR REPLACE TEMPORARY TABLE sighting AS
SELECT
    occurrence.id, occurrence."at", CAST(occurrence."at" AS DATE) AS day,
    CAST(floor(extract(hour FROM occurrence."at") / 4) AS INTEGER) * 4 AS hour,
    looked.context, looked.actor, looked.actor_kind, looked.plane, looked.kind, looked.class, looked.namespace,
    looked.network, looked.tool_name, looked.reach, looked.outcome, looked.tripwires, looked.weight, looked.role,
    looked.learn
FROM occurrence
JOIN looked ON looked.context = occurrence.context;

DELETE FROM sighting WHERE plane = 'host' AND id IN (SELECT id FROM told_by_child);

-- Refused and anonymous activity never teaches what is ordinary.
CREATE OR REPLACE TEMPORARY TABLE habit AS
SELECT
    actor, actor_kind, plane, day, kind, namespace, tool_name, network, hour, reach,
    max(CASE WHEN outcome IN ('answered', 'unknown') AND actor_kind <> 'anonymous' THEN 1 ELSE 0 END) AS teaches,
    max(CASE WHEN outcome = 'refused' THEN 1 ELSE 0 END) AS refused
FROM sighting
GROUP BY actor, actor_kind, plane, day, kind, namespace, tool_name, network, hour, reach;

CREATE OR REPLACE TEMPORARY TABLE fact AS
SELECT actor, actor_kind, plane, day, 'kind' AS dimension, kind AS value, max(teaches) AS taught
FROM habit GROUP BY actor, actor_kind, plane, day, kind
UNION ALL
SELECT actor, actor_kind, plane, day, 'namespace', namespace, max(teaches)
FROM habit WHERE namespace IS NOT NULL GROUP BY actor, actor_kind, plane, day, namespace
UNION ALL
SELECT actor, actor_kind, plane, day, 'scope', reach, max(teaches)
FROM habit WHERE reach IS NOT NULL GROUP BY actor, actor_kind, plane, day, reach
UNION ALL
SELECT actor, actor_kind, plane, day, 'tool', tool_name, max(teaches)
FROM habit WHERE tool_name IS NOT NULL GROUP BY actor, actor_kind, plane, day, tool_name
UNION ALL
SELECT actor, actor_kind, plane, day, 'network', network, max(teaches)
FROM habit WHERE network IS NOT NULL GROUP BY actor, actor_kind, plane, day, network
UNION ALL
SELECT actor, actor_kind, plane, day, 'hour', lpad(CAST(hour AS VARCHAR), 2, '0'), max(teaches)
FROM habit GROUP BY actor, actor_kind, plane, day, hour
UNION ALL
-- A tripwire that an actor sets off day after day, and is answered, is its trade: it keeps part of its weight.
SELECT actor, actor_kind, plane, day, 'tripwire', tripwire, max(CASE WHEN outcome IN ('answered', 'unknown') AND actor_kind <> 'anonymous' THEN 1 ELSE 0 END)
FROM (SELECT actor, actor_kind, plane, day, outcome, unnest(tripwires) AS tripwire FROM sighting) AS fired
GROUP BY actor, actor_kind, plane, day, tripwire
UNION ALL
-- The same refusal day after day is a broken client: a refusal is known by itself, and teaches nothing else.
SELECT actor, actor_kind, plane, day, 'refused', kind, 1
FROM habit WHERE refused = 1 GROUP BY actor, actor_kind, plane, day, kind;

CREATE OR REPLACE TEMPORARY TABLE active AS
SELECT
    actor, actor_kind, plane, day,
    row_number() OVER (PARTITION BY actor, plane ORDER BY day) - 1 AS history,
    lag(day) OVER (PARTITION BY actor, plane ORDER BY day) AS before
FROM (SELECT DISTINCT actor, actor_kind, plane, day FROM habit) AS days;

CREATE OR REPLACE TEMPORARY TABLE seen AS
SELECT
    fact.*,
    coalesce(sum(taught) OVER (
        PARTITION BY actor, plane, dimension, value ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS prior,
    count(*) OVER (
        PARTITION BY actor, plane, dimension, value ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS tried
FROM fact;

-- A value is known to its actor from the day after the second on which it was seen.
CREATE OR REPLACE TEMPORARY TABLE known AS
SELECT actor, actor_kind, plane, dimension, value, min(day) AS since
FROM seen WHERE taught = 1 AND prior = 1
GROUP BY actor, actor_kind, plane, dimension, value
