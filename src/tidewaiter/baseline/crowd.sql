-- How many others each group of an actor has, on each day on which something it did was not yet known.
CREATE OR REPLACE TEMPORARY TABLE crowd AS
SELECT actor, plane, day, peers, members, estate
FROM (
    SELECT
        *,
        max(CASE WHEN peers = 'everybody' THEN members END) OVER (PARTITION BY actor, plane, day) AS estate,
        row_number() OVER (
            PARTITION BY actor, plane, day
            ORDER BY
                CASE WHEN peers = 'everybody' THEN 2 WHEN members >= 3 OR width = 8 THEN 0 ELSE 1 END,
                width, members DESC, peers
        ) AS place
    FROM (
        SELECT
            asked.actor, asked.plane, asked.day, kin.peers, kin.width,
            coalesce(sum(joining.actors), 0) - max(CASE WHEN settled.since < asked.day THEN 1 ELSE 0 END) AS members
        FROM (SELECT DISTINCT actor, plane, day FROM novelty) AS asked
        JOIN kin ON kin.actor = asked.actor AND kin.plane = asked.plane
        LEFT JOIN settled ON settled.actor = asked.actor AND settled.plane = asked.plane
        LEFT JOIN joining
            ON joining.plane = kin.plane AND joining.peers = kin.peers AND joining.since < asked.day
        GROUP BY asked.actor, asked.plane, asked.day, kin.peers, kin.width
    ) AS counted
) AS ranked
WHERE place = 1
