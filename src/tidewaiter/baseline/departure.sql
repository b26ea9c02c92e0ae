-- To how many others it is known what is new to an actor.
CREATE OR REPLACE TEMPORARY TABLE departure AS
SELECT
    novelty.actor, novelty.plane, novelty.day, novelty.dimension, novelty.value,
    novelty.prior, novelty.tried, novelty.history, novelty.innovations,
    -- to the actor itself it is not known yet, so it is in neither number
    coalesce(sum(CASE WHEN known_by.peers = crowd.peers THEN known_by.actors END), 0) AS peers_known,
    coalesce(sum(CASE WHEN known_by.peers = 'everybody' THEN known_by.actors END), 0) AS estate_known,
    max(crowd.members) AS peers,
    max(crowd.estate) AS estate
FROM novelty
JOIN crowd ON crowd.actor = novelty.actor AND crowd.plane = novelty.plane AND crowd.day = novelty.day
LEFT JOIN known_by
    ON known_by.plane = novelty.plane AND known_by.dimension = novelty.dimension AND known_by.value = novelty.value
    AND known_by.since < novelty.day AND known_by.peers IN (crowd.peers, 'everybody')
GROUP BY
    novelty.actor, novelty.plane, novelty.day, novelty.dimension, novelty.value,
    novelty.prior, novelty.tried, novelty.history, novelty.innovations
