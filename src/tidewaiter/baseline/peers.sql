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
GROUP BY actor, plane
