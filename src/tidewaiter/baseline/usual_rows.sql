SELECT episode.actor, episode.plane, episode.island, known.dimension, array_agg(DISTINCT known.value) AS known_values
FROM episode
JOIN known ON known.actor = episode.actor AND known.plane = episode.plane AND known.since < episode.day
GROUP BY episode.actor, episode.plane, episode.island, known.dimension
