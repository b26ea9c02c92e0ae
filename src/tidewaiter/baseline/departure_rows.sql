SELECT
    touched.actor, touched.plane, touched.island,
    departure.dimension, departure.value, departure.prior, departure.history, departure.innovations,
    departure.peers_known, departure.peers, departure.estate_known, departure.estate,
    CASE WHEN crowd.peers LIKE 'sort:%' OR crowd.peers = 'everybody' THEN '' ELSE crowd.peers END AS peer_group
FROM touched
JOIN departure
    ON departure.actor = touched.actor AND departure.plane = touched.plane AND departure.day = touched.day
    AND departure.dimension = touched.dimension AND departure.value = touched.value
JOIN crowd ON crowd.actor = departure.actor AND crowd.plane = departure.plane AND crowd.day = departure.day
JOIN active ON active.actor = departure.actor AND active.plane = departure.plane AND active.day = departure.day
-- What is refused is compared with everything tried before; what is answered, with what was answered before.
WHERE
    (touched.outcome IN ('answered', 'unknown') OR departure.tried = 0 OR departure.dimension = 'refused')
    -- A weekday is new to nobody who was not there for four weeks.
    AND (departure.dimension <> 'weekday' OR date_diff('day', active.first_day, departure.day) >= 28)
ORDER BY touched.actor, touched.plane, touched.island, touched.dimension, touched.value, touched.day
