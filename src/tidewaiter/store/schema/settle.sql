-- One request may have arrived several times: in several stages, in two files, or in an earlier run.
-- The record that knows the outcome wins, then the one of another's name (an impersonated person), then the first place.
CREATE OR REPLACE TEMPORARY TABLE settled AS
SELECT * FROM arrived
UNION ALL
SELECT activity.* FROM activity WHERE id IN (SELECT id FROM arrived);

DELETE FROM activity WHERE id IN (SELECT id FROM arrived);

INSERT INTO activity
SELECT * EXCLUDE (place) FROM (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY id
            ORDER BY
                CASE WHEN outcome = 'unknown' THEN 1 ELSE 0 END,
                CASE WHEN via IS NULL THEN 1 ELSE 0 END,
                learn, path, line, off, text
        ) AS place
    FROM settled
)
WHERE place = 1;

DELETE FROM arrived;
DROP TABLE settled
