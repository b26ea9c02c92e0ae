-- Sightings of a service account with a tool of which its pods know nothing: on two earlier days or more pods of that
-- workload spoke with a program of their own, and on fewer than two with a tool that the counted rules name.
-- Pods are known by their workload, so that a restart changes nothing; those of jobs and pipelines have names of their own.
SELECT {key}, "at", {column}, id
FROM (
    SELECT activity.*
    FROM activity
    JOIN (
        SELECT context, actor, peers
        FROM (SELECT context, actor, unnest(likeness) AS peers FROM context WHERE actor_kind = 'service-account') AS like_it
        WHERE peers LIKE 'workload:%'
    ) AS its ON its.context = activity.context
    JOIN (
        SELECT
            actor, peers, day,
            sum(own) OVER earlier AS own,
            sum(by_hand) OVER earlier AS by_hand
        FROM (
            SELECT
                used.actor, used.peers, CAST(occurrence."at" AS DATE) AS day,
                max(CASE WHEN used.by_hand = 0 AND used.tool IS NOT NULL THEN 1 ELSE 0 END) AS own, max(used.by_hand) AS by_hand
            FROM (
                SELECT
                    context, actor, tool, unnest(likeness) AS peers,
                    CASE WHEN array_length(array_intersect(recognised, $names)) > 0 THEN 1 ELSE 0 END AS by_hand
                FROM context
                WHERE
                    plane = 'kubernetes' AND actor_kind = 'service-account' AND via IS NULL
                    AND outcome IN ('answered', 'unknown')
            ) AS used
            JOIN occurrence ON occurrence.context = used.context
            WHERE used.peers LIKE 'workload:%'
            GROUP BY used.actor, used.peers, CAST(occurrence."at" AS DATE)
        ) AS daily
        WINDOW earlier AS (PARTITION BY actor, peers ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) AS known
        ON known.actor = its.actor AND known.peers = its.peers AND known.day = CAST(activity."at" AS DATE)
    WHERE known.own >= 2 AND known.by_hand < 2
) AS proven
WHERE array_length(array_intersect(recognised, $names)) > 0
ORDER BY {key}, "at", id
