-- To how many of each group of peers (see peers.sql) a value is known, by the day from which on it is.
CREATE OR REPLACE TEMPORARY TABLE known_by AS
SELECT known.plane, known.dimension, known.value, kin.peers, known.since, count(*) AS actors
FROM known
JOIN kin ON kin.actor = known.actor AND kin.plane = known.plane
WHERE $all_values OR (known.plane, known.dimension, known.value) IN (SELECT (plane, dimension, value) FROM novelty)
GROUP BY known.plane, known.dimension, known.value, kin.peers, known.since
