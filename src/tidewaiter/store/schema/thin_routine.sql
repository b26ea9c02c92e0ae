-- Within the days that are kept whole: routine (no tripwire, nobody of whom there is a finding now) older than $before is
-- kept once in ten minutes for each context. `asked` holds those whose every request is still needed.
CREATE OR REPLACE TEMPORARY TABLE routine AS
SELECT context FROM context
WHERE role IN ('evidence', 'context') AND actor NOT IN (SELECT actor FROM asked);

CREATE OR REPLACE TEMPORARY TABLE spared AS
SELECT context, min(id) AS id, min("at") AS "at", min(text) AS text, min(line) AS line, min(off) AS off, max(disclosed) AS disclosed
FROM occurrence
WHERE
    "at" >= (SELECT day FROM horizon) AND "at" < $before
    AND context IN (SELECT context FROM routine)
GROUP BY context, CAST("at" AS DATE), extract(hour FROM "at"), floor(extract(minute FROM "at") / 10);

DELETE FROM occurrence
WHERE
    "at" >= (SELECT day FROM horizon) AND "at" < $before
    AND context IN (SELECT context FROM routine);
INSERT INTO occurrence SELECT context, id, "at", text, line, off, disclosed FROM spared;
DROP TABLE spared;
DROP TABLE routine
