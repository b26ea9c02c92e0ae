-- Which values made the user's own rules hold, for the activities that are shown.
SELECT id, rule, max(fields) AS fields FROM matched WHERE array_contains($ids, id) GROUP BY id, rule
