SELECT
    moments.actor, moments.plane, moments.island,
    moments.in_10s, moments.in_10min, moments.in_1h, moments.in_24h,
    breadth.usual_10s, breadth.usual_10min, breadth.usual_1h, breadth.usual_24h,
    others.of_10s, others.of_10min, others.of_1h, others.of_24h
FROM (
    SELECT
        episode.actor, episode.actor_kind, episode.plane, episode.island, episode.day,
        max(pulse.in_10s) AS in_10s, max(pulse.in_10min) AS in_10min,
        max(pulse.in_1h) AS in_1h, max(pulse.in_24h) AS in_24h
    FROM episode
    JOIN pulse
        ON pulse.actor = episode.actor AND pulse.plane = episode.plane
        AND pulse."at" >= episode.opens AND pulse."at" <= episode.closes
    GROUP BY episode.actor, episode.actor_kind, episode.plane, episode.island, episode.day
) AS moments
JOIN breadth
    ON breadth.actor = moments.actor AND breadth.plane = moments.plane AND breadth.day = moments.day
LEFT JOIN (
    SELECT
        days.plane, days.actor_kind, days.day,
        quantile_cont(breadth.in_10s, 0.75) AS of_10s, quantile_cont(breadth.in_10min, 0.75) AS of_10min,
        quantile_cont(breadth.in_1h, 0.75) AS of_1h, quantile_cont(breadth.in_24h, 0.75) AS of_24h
    FROM (SELECT DISTINCT plane, actor_kind, day FROM episode) AS days
    JOIN (
        SELECT breadth.*, active.actor_kind
        FROM breadth
        JOIN active ON active.actor = breadth.actor AND active.plane = breadth.plane AND active.day = breadth.day
    ) AS breadth
        ON breadth.plane = days.plane AND breadth.actor_kind = days.actor_kind AND breadth.day < days.day
    GROUP BY days.plane, days.actor_kind, days.day
) AS others
    ON others.plane = moments.plane AND others.actor_kind = moments.actor_kind AND others.day = moments.day
