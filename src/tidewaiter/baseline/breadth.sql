-- How many distinct kinds an actor read within 10 seconds, 10 minutes, an hour and a day: exact sliding windows
-- [t - width, t], both ends included, for the moment and as the most of each earlier day. API discovery is not inventory.

-- Who never read five kinds is never broad, whatever the window: most actors of an estate.
CREATE OR REPLACE TEMPORARY TABLE broad AS
SELECT actor, plane FROM habit GROUP BY actor, plane HAVING count(DISTINCT kind) >= 5;

CREATE OR REPLACE TEMPORARY TABLE pulse AS
SELECT
    actor, plane, "at", day,
    count(DISTINCT kind) OVER (
        PARTITION BY actor, plane ORDER BY "at" RANGE BETWEEN INTERVAL 10 SECONDS PRECEDING AND CURRENT ROW) AS in_10s,
    count(DISTINCT kind) OVER (
        PARTITION BY actor, plane ORDER BY "at" RANGE BETWEEN INTERVAL 10 MINUTES PRECEDING AND CURRENT ROW) AS in_10min,
    count(DISTINCT kind) OVER (
        PARTITION BY actor, plane ORDER BY "at" RANGE BETWEEN INTERVAL 1 HOURS PRECEDING AND CURRENT ROW) AS in_1h,
    count(DISTINCT kind) OVER (
        PARTITION BY actor, plane ORDER BY "at" RANGE BETWEEN INTERVAL 24 HOURS PRECEDING AND CURRENT ROW) AS in_24h
FROM (
    SELECT actor, plane, day, kind, min("at") AS "at"
    FROM sighting
    WHERE
        role IN ('evidence', 'tripwire') AND class NOT IN ('api') AND kind NOT IN ('version', 'access', 'identity', 'socket', 'health', 'metrics')
        AND (actor, plane) IN (SELECT (actor, plane) FROM broad)
    GROUP BY actor, plane, day, kind, date_trunc('second', "at")
) AS reads;

CREATE OR REPLACE TEMPORARY TABLE breadth AS
SELECT
    actor, plane, day, in_10s, in_10min, in_1h, in_24h,
    max(in_10s) OVER earlier AS usual_10s,
    max(in_10min) OVER earlier AS usual_10min,
    max(in_1h) OVER earlier AS usual_1h,
    max(in_24h) OVER earlier AS usual_24h
FROM (
    SELECT
        actor, plane, day, max(in_10s) AS in_10s, max(in_10min) AS in_10min, max(in_1h) AS in_1h, max(in_24h) AS in_24h
    FROM pulse
    GROUP BY actor, plane, day
    UNION ALL
    SELECT actor, plane, day, count(DISTINCT kind), count(DISTINCT kind), count(DISTINCT kind), count(DISTINCT kind)
    FROM habit
    WHERE (actor, plane) NOT IN (SELECT (actor, plane) FROM broad)
    GROUP BY actor, plane, day
) AS daily
WINDOW earlier AS (PARTITION BY actor, plane ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
