SELECT
    episode.actor, episode.plane, episode.island, episode.actor_kind, episode.actor_name, episode.realm, episode.via,
    episode.opens, episode.closes, episode.requests, episode.answered, episode.refused, episode.reviews,
    episode.reach, episode.from_public, episode.kinds, episode.namespaces, episode.tools, episode.addresses,
    active.history, date_diff('day', active.before, active.day) AS idle_days,
    coalesce(arrivals.estate_days, 0), coalesce(arrivals.new_actor_days, 0),
    CASE WHEN active.first_day < active.day THEN active.first_day END AS first_day
FROM episode
JOIN active ON active.actor = episode.actor AND active.plane = episode.plane AND active.day = episode.day
LEFT JOIN arrivals ON arrivals.plane = episode.plane AND arrivals.day = episode.day
ORDER BY episode.opens, episode.actor, episode.plane
