-- Stretches in which an actor reads clearly more kinds than on any earlier day ($floor kinds where it has no earlier day), or kinds of
-- clearly more classes ($classes),
-- by kind: what was read before belongs to it as far as it opened something (a kind that was open already is routine),
-- no longer ago than the window is wide, and with no gap of more than three hours, which is what parts two episodes.
CREATE OR REPLACE TEMPORARY TABLE opened AS
SELECT
    width, actor, plane, day, kind, "at", seen, least_wide, classes, least_classes,
    sum(starts) OVER (PARTITION BY width, actor, plane ORDER BY "at", kind ROWS UNBOUNDED PRECEDING) AS run
FROM (
    SELECT
        *,
        CASE WHEN "at" > lag("at") OVER (PARTITION BY width, actor, plane ORDER BY "at", kind) + INTERVAL 3 HOURS
            THEN 1 ELSE 0 END AS starts
    FROM (
        SELECT 10 AS width, pulse.actor, pulse.plane, pulse.day, pulse.kind, pulse."at", pulse.in_10s AS seen,
            1.5 * coalesce(breadth.usual_10s, $floor) AS least_wide,
            pulse.classes_10s AS classes, 1.5 * coalesce(breadth.usual_classes_10s, $classes) AS least_classes
        FROM pulse JOIN breadth ON breadth.actor = pulse.actor AND breadth.plane = pulse.plane AND breadth.day = pulse.day
        WHERE pulse.new_10s = 1
        UNION ALL
        SELECT 600, pulse.actor, pulse.plane, pulse.day, pulse.kind, pulse."at", pulse.in_10min,
            1.5 * coalesce(breadth.usual_10min, $floor),
            pulse.classes_10min, 1.5 * coalesce(breadth.usual_classes_10min, $classes)
        FROM pulse JOIN breadth ON breadth.actor = pulse.actor AND breadth.plane = pulse.plane AND breadth.day = pulse.day
        WHERE pulse.new_10min = 1
        UNION ALL
        SELECT 3600, pulse.actor, pulse.plane, pulse.day, pulse.kind, pulse."at", pulse.in_1h,
            1.5 * coalesce(breadth.usual_1h, $floor),
            pulse.classes_1h, 1.5 * coalesce(breadth.usual_classes_1h, $classes)
        FROM pulse JOIN breadth ON breadth.actor = pulse.actor AND breadth.plane = pulse.plane AND breadth.day = pulse.day
        WHERE pulse.new_1h = 1
        UNION ALL
        SELECT 86400, pulse.actor, pulse.plane, pulse.day, pulse.kind, pulse."at", pulse.in_24h,
            1.5 * coalesce(breadth.usual_24h, $floor),
            pulse.classes_24h, 1.5 * coalesce(breadth.usual_classes_24h, $classes)
        FROM pulse JOIN breadth ON breadth.actor = pulse.actor AND breadth.plane = pulse.plane AND breadth.day = pulse.day
        WHERE pulse.new_24h = 1
    ) AS openings
) AS gaps;

CREATE OR REPLACE TEMPORARY TABLE wide AS
SELECT opened.actor, opened.plane, opened.kind, min(opened."at") AS opens, max(opened."at") + INTERVAL 1 SECONDS AS closes
FROM opened
JOIN (
    SELECT width, actor, plane, run, min("at") AS first, max("at") AS last
    FROM opened
    WHERE seen >= 5 AND (seen >= least_wide OR classes >= 5 AND classes >= least_classes)
    GROUP BY width, actor, plane, run
) AS moments
    ON moments.width = opened.width AND moments.actor = opened.actor AND moments.plane = opened.plane
    AND moments.run = opened.run
WHERE
    opened."at" <= moments.last
    AND date_diff('second', opened."at", moments.first) <= opened.width
GROUP BY opened.width, opened.actor, opened.plane, opened.run, opened.kind;

DROP TABLE opened
