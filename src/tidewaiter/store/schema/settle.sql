-- One request may have arrived several times: in several stages, in two files, or in an earlier run.
-- The record that knows the outcome wins, then the one in another's name (an impersonated person), then the first place.
CREATE OR REPLACE TEMPORARY TABLE twice AS
SELECT id FROM occurrence GROUP BY id HAVING count(*) > 1;

CREATE OR REPLACE TEMPORARY TABLE winner AS
SELECT context, id, "at", text, line, off, disclosed
FROM (
    SELECT
        occurrence.*,
        row_number() OVER (
            PARTITION BY occurrence.id
            ORDER BY
                CASE WHEN context.outcome = 'unknown' THEN 1 ELSE 0 END,
                CASE WHEN context.via IS NULL THEN 1 ELSE 0 END,
                context.learn, context.path, occurrence.line, occurrence.off, occurrence.text, context.kind,
                context.verb, context.name, context.namespace, occurrence.context
        ) AS place
    FROM occurrence
    JOIN context ON context.context = occurrence.context
    WHERE occurrence.id IN (SELECT id FROM twice)
) AS ranked
WHERE place = 1;

DELETE FROM occurrence WHERE id IN (SELECT id FROM twice);
INSERT INTO occurrence SELECT * FROM winner;
DROP TABLE winner;
DROP TABLE twice
