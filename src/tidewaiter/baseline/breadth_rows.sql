-- The broadest moment of each episode, the most of its actor's earlier days, and what three quarters of its peers stay
-- below (peer_breadth.sql).
SELECT
    moments.actor, moments.plane, moments.island,
    moments.in_10s, moments.in_10min, moments.in_1h, moments.in_24h,
    breadth.usual_10s, breadth.usual_10min, breadth.usual_1h, breadth.usual_24h,
    others.of_10s, others.of_10min, others.of_1h, others.of_24h,
    moments.classes_10s, moments.classes_10min, moments.classes_1h, moments.classes_24h,
    breadth.usual_classes_10s, breadth.usual_classes_10min, breadth.usual_classes_1h, breadth.usual_classes_24h,
    others.classes_of_10s, others.classes_of_10min, others.classes_of_1h, others.classes_of_24h
FROM (
    SELECT
        episode.actor, episode.plane, episode.island, episode.day,
        coalesce(max(crowd.peers), concat('sort:', min(episode.actor_kind))) AS peers,
        max(pulse.in_10s) AS in_10s, max(pulse.in_10min) AS in_10min,
        max(pulse.in_1h) AS in_1h, max(pulse.in_24h) AS in_24h,
        max(pulse.classes_10s) AS classes_10s, max(pulse.classes_10min) AS classes_10min,
        max(pulse.classes_1h) AS classes_1h, max(pulse.classes_24h) AS classes_24h
    FROM episode
    JOIN pulse
        ON pulse.actor = episode.actor AND pulse.plane = episode.plane
        AND pulse."at" >= episode.opens AND pulse."at" <= episode.closes
    LEFT JOIN crowd
        ON crowd.actor = episode.actor AND crowd.plane = episode.plane AND crowd.day = episode.day
    GROUP BY episode.actor, episode.plane, episode.island, episode.day
) AS moments
JOIN breadth
    ON breadth.actor = moments.actor AND breadth.plane = moments.plane AND breadth.day = moments.day
LEFT JOIN peer_breadth AS others
    ON others.plane = moments.plane AND others.peers = moments.peers AND others.day = moments.day
