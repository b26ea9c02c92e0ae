-- What each actor did on each day, and on how many earlier days it did the same.
-- A day is a UTC day. Only reads of inventory count (role evidence or tripwire), and what users' own rules asked for (own,
-- and counted when only a correlation names the rule): these are days on which somebody was there, and never a novelty.

CREATE OR REPLACE TEMPORARY TABLE looked AS
SELECT
    *,
    split_part(tool, '/', 1) AS tool_name,
    CASE WHEN array_contains(traits, 'all-namespaces') OR scope = 'everything' THEN 'everything' ELSE scope END AS reach
FROM context
WHERE role <> 'context' AND ($everybody OR actor IN (SELECT actor FROM asked));

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

-- What a person judged malicious (see judged.sql of the store) never teaches either.
CREATE OR REPLACE TEMPORARY TABLE condemned AS
SELECT DISTINCT occurrence.id
FROM judged
JOIN looked ON looked.actor = judged.actor AND looked.plane = judged.plane
JOIN occurrence
    ON occurrence.context = looked.context AND occurrence."at" >= judged.opens AND occurrence."at" <= judged.closes;

CREATE OR REPLACE TEMPORARY TABLE sighting AS
SELECT
    occurrence.id, occurrence."at", CAST(occurrence."at" AS DATE) AS day,
    CAST(floor(extract(hour FROM occurrence."at") / 4) AS INTEGER) * 4 AS hour,
    looked.context, looked.actor, looked.actor_kind, looked.plane, looked.kind, looked.class, looked.namespace,
    looked.network, looked.tool_name, looked.reach, looked.outcome, looked.tripwires, looked.weight, looked.role,
    looked.learn,
    -- Refused and anonymous activity never teaches what is ordinary.
    CASE
        WHEN looked.outcome IN ('answered', 'unknown') AND looked.actor_kind <> 'anonymous' AND condemned.id IS NULL THEN 1
        ELSE 0
    END AS teaches
FROM occurrence
JOIN looked ON looked.context = occurrence.context
LEFT JOIN condemned ON condemned.id = occurrence.id;

DELETE FROM sighting WHERE plane = 'host' AND id IN (SELECT id FROM told_by_child);

-- Whoever has no credential is known by address only, and changes it at will: three or more addresses that take turns with
-- the same tool, never ten minutes apart, are one actor, named by the first of them in the order of letters.
CREATE OR REPLACE TEMPORARY TABLE taking_turns AS
SELECT
    id, plane, realm, tool_name, actor_name,
    sum(starts) OVER (PARTITION BY plane, realm, tool_name ORDER BY "at", id ROWS UNBOUNDED PRECEDING) AS turns
FROM (
    SELECT
        sighting.id, sighting."at", sighting.plane, looked.realm, sighting.tool_name, looked.actor_name,
        CASE
            WHEN sighting."at" > lag(sighting."at") OVER (
                PARTITION BY sighting.plane, looked.realm, sighting.tool_name ORDER BY sighting."at", sighting.id
            ) + INTERVAL 10 MINUTES THEN 1 ELSE 0
        END AS starts
    FROM sighting
    JOIN looked ON looked.context = sighting.context
    WHERE sighting.actor_kind = 'anonymous' AND sighting.tool_name IS NOT NULL AND looked.network IS NOT NULL
) AS gaps;

CREATE OR REPLACE TEMPORARY TABLE joined AS
SELECT
    sighting.id, sighting."at", sighting.day, sighting.hour, sighting.context,
    concat_ws('|', 'anonymous', one.realm, one.actor_name, '') AS actor,
    sighting.actor_kind, sighting.plane, sighting.kind, sighting.class, sighting.namespace, sighting.network,
    sighting.tool_name, sighting.reach, sighting.outcome, sighting.tripwires, sighting.weight, sighting.role,
    sighting.learn, sighting.teaches
FROM sighting
JOIN taking_turns ON taking_turns.id = sighting.id
JOIN (
    SELECT plane, realm, tool_name, turns, min(actor_name) AS actor_name
    FROM taking_turns
    GROUP BY plane, realm, tool_name, turns
    HAVING count(DISTINCT actor_name) >= 3
) AS one
    ON one.plane = taking_turns.plane AND one.realm = taking_turns.realm AND one.tool_name = taking_turns.tool_name
    AND one.turns = taking_turns.turns;

DELETE FROM sighting WHERE actor_kind = 'anonymous' AND id IN (SELECT id FROM joined);
INSERT INTO sighting SELECT * FROM joined;

CREATE OR REPLACE TEMPORARY TABLE habit AS
SELECT
    actor, actor_kind, plane, day, kind, class, namespace, tool_name, network, hour, reach,
    max(teaches) AS teaches,
    max(CASE WHEN outcome = 'refused' THEN 1 ELSE 0 END) AS refused
FROM sighting
GROUP BY actor, actor_kind, plane, day, kind, class, namespace, tool_name, network, hour, reach;

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
-- 2001-01-01 was a Monday
SELECT
    actor, actor_kind, plane, day, 'weekday', CAST(date_diff('day', DATE '2001-01-01', day) % 7 AS VARCHAR), max(teaches)
FROM habit GROUP BY actor, actor_kind, plane, day
UNION ALL
-- A tripwire that an actor sets off day after day, and is answered, is its trade: it keeps part of its weight.
SELECT actor, actor_kind, plane, day, 'tripwire', tripwire, max(teaches)
FROM (SELECT actor, actor_kind, plane, day, teaches, unnest(tripwires) AS tripwire FROM sighting) AS fired
GROUP BY actor, actor_kind, plane, day, tripwire
UNION ALL
-- The same refusal day after day is a broken client: a refusal is known by itself, and teaches nothing else.
SELECT
    sighting.actor, sighting.actor_kind, sighting.plane, sighting.day, 'refused', sighting.kind,
    max(CASE WHEN condemned.id IS NULL THEN 1 ELSE 0 END)
FROM sighting
LEFT JOIN condemned ON condemned.id = sighting.id
WHERE sighting.outcome = 'refused'
GROUP BY sighting.actor, sighting.actor_kind, sighting.plane, sighting.day, sighting.kind;

-- Idle is who was not answered: a knock at the door every day is no presence. Who never was answered is known by the knocks.
CREATE OR REPLACE TEMPORARY TABLE active AS
SELECT
    actor, actor_kind, plane, day, taught,
    row_number() OVER (PARTITION BY actor, plane ORDER BY day) - 1 AS history,
    min(day) OVER (PARTITION BY actor, plane) AS first_day,
    coalesce(
        max(CASE WHEN taught = 1 THEN day END) OVER (
            PARTITION BY actor, plane ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        lag(day) OVER (PARTITION BY actor, plane ORDER BY day)
    ) AS before,
    sum(taught) OVER (PARTITION BY actor, plane ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS taught_days
FROM (
    SELECT actor, actor_kind, plane, day, max(teaches) AS taught FROM habit GROUP BY actor, actor_kind, plane, day
) AS days;

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
