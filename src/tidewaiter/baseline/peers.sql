-- Who is like whom: an actor is compared with the narrowest group of its like that has at least three others with a past
-- of two days, as it stood on that day. The widest group of peers is its sort (people, service accounts, ...); behind all
-- stands the estate. What makes a group is said when an activity is read (meaning/likeness.py).

CREATE OR REPLACE TEMPORARY TABLE kin AS
SELECT actor, plane, peers, min(width) AS width
FROM (
    SELECT
        actor, plane, peers,
        CASE
            WHEN peers LIKE 'workload:%' THEN 1
            WHEN peers LIKE 'account:%' THEN 2
            ELSE 1
        END AS width
    FROM (SELECT DISTINCT actor, plane, unnest(likeness) AS peers FROM looked) AS like_it
    UNION ALL
    SELECT DISTINCT actor, plane, concat('sort:', actor_kind), 8 FROM active
    UNION ALL
    SELECT DISTINCT actor, plane, 'everybody', 9 FROM active
) AS groups
GROUP BY actor, plane, peers;

-- From which day on an actor has a past.
CREATE OR REPLACE TEMPORARY TABLE settled AS
SELECT actor, plane, min(day) AS since
FROM active
WHERE taught = 1 AND taught_days = 2
GROUP BY actor, plane;

CREATE OR REPLACE TEMPORARY TABLE joining AS
SELECT kin.plane, kin.peers, settled.since, count(*) AS actors
FROM settled
JOIN kin ON kin.actor = settled.actor AND kin.plane = settled.plane
GROUP BY kin.plane, kin.peers, settled.since;

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
