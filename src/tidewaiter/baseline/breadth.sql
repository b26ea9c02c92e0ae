-- How many distinct kinds, and distinct classes of kinds, an actor read within 10 seconds, 10 minutes, an hour and a day:
-- exact sliding windows [t - width, t], both ends included, for each moment and as the most of each earlier day.
-- A read opens its kind for the width of a window, unless an earlier read has it open still, and closes it unless a later
-- one keeps it open: what is open at a moment is a running sum. (Spark has no DISTINCT in a window; this is faster besides.)

-- Who never read five kinds is never broad, whatever the window: most actors of an estate.
CREATE OR REPLACE TEMPORARY TABLE broad AS
SELECT actor, plane FROM habit GROUP BY actor, plane HAVING count(DISTINCT kind) >= 5;

-- Each kind once a second. API discovery is not inventory. What was refused counts at its moment, and never as usual:
-- whoever was refused something is counted a second time (told = 1) without it.
CREATE OR REPLACE TEMPORARY TABLE reading AS
SELECT actor, plane, day, kind, class, 0 AS told, max(teaches) AS teaches, min("at") AS "at"
FROM sighting
WHERE
    day >= (SELECT day FROM horizon)
    AND role IN ('evidence', 'tripwire') AND class NOT IN ('api') AND kind NOT IN ('version', 'access', 'identity', 'socket', 'health', 'metrics')
    AND (actor, plane) IN (SELECT (actor, plane) FROM broad)
GROUP BY actor, plane, day, kind, class, date_trunc('second', "at");

CREATE OR REPLACE TEMPORARY TABLE mixed AS
SELECT DISTINCT actor, plane FROM reading WHERE teaches = 0;

INSERT INTO reading
SELECT actor, plane, day, kind, class, 1, teaches, "at"
FROM reading
WHERE teaches = 1 AND (actor, plane) IN (SELECT (actor, plane) FROM mixed);

CREATE OR REPLACE TEMPORARY TABLE lasting AS
SELECT
    actor, plane, told, day, kind, "at",
    lag("at") OVER of_kind AS kind_before, lead("at") OVER of_kind AS kind_after,
    lag("at") OVER of_class AS class_before, lead("at") OVER of_class AS class_after
FROM reading
WINDOW
    of_kind AS (PARTITION BY actor, plane, told, kind ORDER BY "at"),
    of_class AS (PARTITION BY actor, plane, told, class ORDER BY "at");

DROP TABLE reading;

CREATE OR REPLACE TEMPORARY TABLE edge AS
SELECT
    actor, plane, told, day, kind, "at", 0 AS closing,
    CASE WHEN kind_before + INTERVAL 10 SECONDS >= "at" THEN 0 ELSE 1 END AS k_10s,
    CASE WHEN kind_before + INTERVAL 10 MINUTES >= "at" THEN 0 ELSE 1 END AS k_10min,
    CASE WHEN kind_before + INTERVAL 1 HOURS >= "at" THEN 0 ELSE 1 END AS k_1h,
    CASE WHEN kind_before + INTERVAL 24 HOURS >= "at" THEN 0 ELSE 1 END AS k_24h,
    CASE WHEN class_before + INTERVAL 10 SECONDS >= "at" THEN 0 ELSE 1 END AS c_10s,
    CASE WHEN class_before + INTERVAL 10 MINUTES >= "at" THEN 0 ELSE 1 END AS c_10min,
    CASE WHEN class_before + INTERVAL 1 HOURS >= "at" THEN 0 ELSE 1 END AS c_1h,
    CASE WHEN class_before + INTERVAL 24 HOURS >= "at" THEN 0 ELSE 1 END AS c_24h
FROM lasting
UNION ALL
SELECT
    actor, plane, told, NULL, NULL, "at" + INTERVAL 10 SECONDS, 1,
    CASE WHEN kind_after <= "at" + INTERVAL 10 SECONDS THEN 0 ELSE -1 END, 0, 0, 0,
    CASE WHEN class_after <= "at" + INTERVAL 10 SECONDS THEN 0 ELSE -1 END, 0, 0, 0
FROM lasting
WHERE NOT (coalesce(kind_after <= "at" + INTERVAL 10 SECONDS, FALSE) AND coalesce(class_after <= "at" + INTERVAL 10 SECONDS, FALSE))
UNION ALL
SELECT
    actor, plane, told, NULL, NULL, "at" + INTERVAL 10 MINUTES, 1,
    0, CASE WHEN kind_after <= "at" + INTERVAL 10 MINUTES THEN 0 ELSE -1 END, 0, 0,
    0, CASE WHEN class_after <= "at" + INTERVAL 10 MINUTES THEN 0 ELSE -1 END, 0, 0
FROM lasting
WHERE NOT (coalesce(kind_after <= "at" + INTERVAL 10 MINUTES, FALSE) AND coalesce(class_after <= "at" + INTERVAL 10 MINUTES, FALSE))
UNION ALL
SELECT
    actor, plane, told, NULL, NULL, "at" + INTERVAL 1 HOURS, 1,
    0, 0, CASE WHEN kind_after <= "at" + INTERVAL 1 HOURS THEN 0 ELSE -1 END, 0,
    0, 0, CASE WHEN class_after <= "at" + INTERVAL 1 HOURS THEN 0 ELSE -1 END, 0
FROM lasting
WHERE NOT (coalesce(kind_after <= "at" + INTERVAL 1 HOURS, FALSE) AND coalesce(class_after <= "at" + INTERVAL 1 HOURS, FALSE))
UNION ALL
SELECT
    actor, plane, told, NULL, NULL, "at" + INTERVAL 24 HOURS, 1,
    0, 0, 0, CASE WHEN kind_after <= "at" + INTERVAL 24 HOURS THEN 0 ELSE -1 END,
    0, 0, 0, CASE WHEN class_after <= "at" + INTERVAL 24 HOURS THEN 0 ELSE -1 END
FROM lasting
WHERE NOT (coalesce(kind_after <= "at" + INTERVAL 24 HOURS, FALSE) AND coalesce(class_after <= "at" + INTERVAL 24 HOURS, FALSE));

DROP TABLE lasting;

-- Closings come after the reads of the same instant: a window holds both of its ends.
CREATE OR REPLACE TEMPORARY TABLE counted AS
SELECT *
FROM (
    SELECT
        actor, plane, told, day, kind, "at", closing, k_10s AS new_10s, k_10min AS new_10min, k_1h AS new_1h, k_24h AS new_24h,
        sum(k_10s) OVER so_far AS in_10s, sum(k_10min) OVER so_far AS in_10min,
        sum(k_1h) OVER so_far AS in_1h, sum(k_24h) OVER so_far AS in_24h,
        sum(c_10s) OVER so_far AS classes_10s, sum(c_10min) OVER so_far AS classes_10min,
        sum(c_1h) OVER so_far AS classes_1h, sum(c_24h) OVER so_far AS classes_24h
    FROM edge
    WINDOW so_far AS (
        PARTITION BY actor, plane, told ORDER BY "at", closing RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
) AS sums
WHERE closing = 0;

DROP TABLE edge;

CREATE OR REPLACE TEMPORARY TABLE pulse AS
SELECT
    actor, plane, day, kind, "at", new_10s, new_10min, new_1h, new_24h,
    in_10s, in_10min, in_1h, in_24h, classes_10s, classes_10min, classes_1h, classes_24h
FROM counted
WHERE told = 0;

CREATE OR REPLACE TEMPORARY TABLE breadth AS
SELECT
    actor, plane, day, in_10s, in_10min, in_1h, in_24h, classes_10s, classes_10min, classes_1h, classes_24h,
    max(in_10s) OVER earlier AS usual_10s,
    max(in_10min) OVER earlier AS usual_10min,
    max(in_1h) OVER earlier AS usual_1h,
    max(in_24h) OVER earlier AS usual_24h,
    max(classes_10s) OVER earlier AS usual_classes_10s,
    max(classes_10min) OVER earlier AS usual_classes_10min,
    max(classes_1h) OVER earlier AS usual_classes_1h,
    max(classes_24h) OVER earlier AS usual_classes_24h
FROM (
    SELECT
        actor, plane, day, max(in_10s) AS in_10s, max(in_10min) AS in_10min, max(in_1h) AS in_1h, max(in_24h) AS in_24h,
        max(classes_10s) AS classes_10s, max(classes_10min) AS classes_10min,
        max(classes_1h) AS classes_1h, max(classes_24h) AS classes_24h
    FROM counted
    WHERE told = 1 OR (actor, plane) NOT IN (SELECT (actor, plane) FROM mixed)
    GROUP BY actor, plane, day
    UNION ALL
    -- days on which nothing was answered: they say nothing of what is usual
    SELECT DISTINCT actor, plane, day, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM counted
    WHERE told = 0 AND (actor, plane, day) NOT IN (SELECT (actor, plane, day) FROM counted WHERE told = 1)
        AND (actor, plane) IN (SELECT (actor, plane) FROM mixed)
    UNION ALL
    SELECT
        actor, plane, day, count(DISTINCT kind), count(DISTINCT kind), count(DISTINCT kind), count(DISTINCT kind),
        count(DISTINCT class), count(DISTINCT class), count(DISTINCT class), count(DISTINCT class)
    FROM habit
    WHERE
        teaches = 1
        AND (
            (actor, plane) NOT IN (SELECT (actor, plane) FROM broad)
            -- a thin day on which it was not yet broad: at most all of it at once
            OR day < (SELECT day FROM horizon)
            AND (actor, plane, day) NOT IN (SELECT (actor, plane, day) FROM past_breadth)
        )
    GROUP BY actor, plane, day
    UNION ALL
    SELECT
        actor, plane, day, max(in_10s), max(in_10min), max(in_1h), max(in_24h),
        max(classes_10s), max(classes_10min), max(classes_1h), max(classes_24h)
    FROM past_breadth
    WHERE (actor, plane) IN (SELECT (actor, plane) FROM broad)
    GROUP BY actor, plane, day
) AS daily
WINDOW earlier AS (PARTITION BY actor, plane ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);

DROP TABLE counted
