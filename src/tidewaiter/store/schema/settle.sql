-- One request may have arrived several times: in several stages, in two files, in an earlier run, or sent again.
-- The record that knows the outcome wins, then the one in another's name (an impersonated person), then the first place.
-- Whatever has the identity of something fresh lies within an hour of it: $first and $last are the times of the first and
-- last fresh occurrence, so that old blocks of the table need not be looked at.
CREATE OR REPLACE TEMPORARY TABLE twice AS
SELECT id
FROM (
    SELECT id FROM fresh
    UNION ALL
    SELECT id FROM occurrence
    WHERE "at" >= $first - INTERVAL 1 HOURS AND "at" <= $last + INTERVAL 1 HOURS AND id IN (SELECT id FROM fresh)
) AS arrived
GROUP BY id
HAVING count(*) > 1;

CREATE OR REPLACE TEMPORARY TABLE winner AS
SELECT context, id, "at", text, line, off, disclosed
FROM (
    SELECT
        met.*,
        row_number() OVER (
            PARTITION BY met.id
            ORDER BY
                CASE WHEN context.outcome = 'unknown' THEN 1 ELSE 0 END,
                CASE WHEN context.via IS NULL THEN 1 ELSE 0 END,
                context.learn, context.path, met.line, met.off, met.text, context.kind,
                context.verb, context.name, context.namespace, met.context
        ) AS place
    FROM (
        SELECT * FROM fresh WHERE id IN (SELECT id FROM twice)
        UNION ALL
        SELECT * FROM occurrence
        WHERE "at" >= $first - INTERVAL 1 HOURS AND "at" <= $last + INTERVAL 1 HOURS AND id IN (SELECT id FROM twice)
    ) AS met
    JOIN context ON context.context = met.context
) AS ranked
WHERE place = 1;

DELETE FROM occurrence
WHERE "at" >= $first - INTERVAL 1 HOURS AND "at" <= $last + INTERVAL 1 HOURS AND id IN (SELECT id FROM twice);
INSERT INTO occurrence SELECT * FROM fresh WHERE id NOT IN (SELECT id FROM twice);
INSERT INTO occurrence SELECT * FROM winner;
DELETE FROM fresh;
DROP TABLE winner;
DROP TABLE twice
