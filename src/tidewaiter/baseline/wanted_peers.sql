-- The groups of peers with which episodes are compared.
CREATE OR REPLACE TEMPORARY TABLE wanted_peers AS
SELECT DISTINCT episode.plane, episode.day, coalesce(crowd.peers, concat('sort:', episode.actor_kind)) AS peers
FROM episode
LEFT JOIN crowd ON crowd.actor = episode.actor AND crowd.plane = episode.plane AND crowd.day = episode.day
