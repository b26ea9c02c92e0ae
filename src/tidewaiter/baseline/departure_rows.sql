SELECT
    touched.actor, touched.plane, touched.island,
    departure.dimension, departure.value, departure.prior, departure.history, departure.innovations,
    departure.peers_known, departure.peers, departure.estate_known, departure.estate
FROM touched
JOIN departure
    ON departure.actor = touched.actor AND departure.plane = touched.plane AND departure.day = touched.day
    AND departure.dimension = touched.dimension AND departure.value = touched.value
-- What is refused is compared with everything tried before; what is answered, with what was answered before.
WHERE touched.outcome IN ('answered', 'unknown') OR departure.tried = 0 OR departure.dimension = 'refused'
ORDER BY touched.actor, touched.plane, touched.island, touched.dimension, touched.value, touched.day
