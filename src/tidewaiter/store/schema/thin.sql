-- Keeps of the days before $horizon what teaches: of each context, the first occurrence of each four hours of a day; of
-- days before $forget, nothing. The tables of breadth.sql and hit_days.sql of everybody are made before.
INSERT INTO past_breadth
SELECT
    actor, plane, day, in_10s, in_10min, in_1h, in_24h, classes_10s, classes_10min, classes_1h, classes_24h
FROM breadth
WHERE
    day >= (SELECT day FROM horizon) AND day < $horizon AND in_24h IS NOT NULL
    AND (actor, plane) IN (SELECT (actor, plane) FROM broad);

INSERT INTO past_hit
SELECT actor, plane, day, rule, taught FROM hit_day WHERE day >= (SELECT day FROM horizon) AND day < $horizon;

DELETE FROM past_breadth WHERE day < $forget;
DELETE FROM past_hit WHERE day < $forget;

CREATE OR REPLACE TEMPORARY TABLE kept AS
SELECT context, min(id) AS id, min("at") AS "at", min(line) AS line, min(off) AS off
FROM occurrence
WHERE "at" < $horizon AND "at" >= $forget
GROUP BY context, CAST("at" AS DATE), floor(extract(hour FROM "at") / 4);

DELETE FROM occurrence WHERE "at" < $horizon;
INSERT INTO occurrence SELECT context, id, "at", '', line, off, NULL FROM kept;
DROP TABLE kept;
DELETE FROM context WHERE context NOT IN (SELECT context FROM occurrence);
DELETE FROM matched WHERE id NOT IN (SELECT id FROM occurrence);
UPDATE horizon SET day = $horizon
