-- What the user's own rules saw in original records, for correlations: each record once, as its best record tells it, in
-- the order of time and log.
SELECT seen.rule, activity."at", seen.id, seen.fields
FROM (SELECT id, rule, max(fields) AS fields FROM matched WHERE array_contains($names, rule) GROUP BY id, rule) AS seen
JOIN activity ON activity.id = seen.id
WHERE
    NOT activity.learn
    AND (array_contains(activity.tripwires, seen.rule) OR array_contains(activity.recognised, seen.rule))
ORDER BY activity."at", activity.path, activity.line, activity.off, seen.id, seen.rule
