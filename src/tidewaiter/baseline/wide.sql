-- Moments at which an actor reads clearly more kinds than on any earlier day ($floor kinds where it has no earlier day).
CREATE OR REPLACE TEMPORARY TABLE wide AS
SELECT pulse.actor, pulse.plane, min(pulse."at") - INTERVAL 10 SECONDS AS opens, max(pulse."at") AS closes
FROM pulse JOIN breadth ON breadth.actor = pulse.actor AND breadth.plane = pulse.plane AND breadth.day = pulse.day
WHERE pulse.in_10s >= 5 AND pulse.in_10s >= 1.5 * coalesce(breadth.usual_10s, $floor)
GROUP BY pulse.actor, pulse.plane, pulse.day
UNION ALL
SELECT pulse.actor, pulse.plane, min(pulse."at") - INTERVAL 10 MINUTES, max(pulse."at")
FROM pulse JOIN breadth ON breadth.actor = pulse.actor AND breadth.plane = pulse.plane AND breadth.day = pulse.day
WHERE pulse.in_10min >= 5 AND pulse.in_10min >= 1.5 * coalesce(breadth.usual_10min, $floor)
GROUP BY pulse.actor, pulse.plane, pulse.day
UNION ALL
SELECT pulse.actor, pulse.plane, min(pulse."at") - INTERVAL 1 HOURS, max(pulse."at")
FROM pulse JOIN breadth ON breadth.actor = pulse.actor AND breadth.plane = pulse.plane AND breadth.day = pulse.day
WHERE pulse.in_1h >= 5 AND pulse.in_1h >= 1.5 * coalesce(breadth.usual_1h, $floor)
GROUP BY pulse.actor, pulse.plane, pulse.day
UNION ALL
SELECT pulse.actor, pulse.plane, min(pulse."at") - INTERVAL 24 HOURS, max(pulse."at")
FROM pulse JOIN breadth ON breadth.actor = pulse.actor AND breadth.plane = pulse.plane AND breadth.day = pulse.day
WHERE pulse.in_24h >= 5 AND pulse.in_24h >= 1.5 * coalesce(breadth.usual_24h, $floor)
GROUP BY pulse.actor, pulse.plane, pulse.day
