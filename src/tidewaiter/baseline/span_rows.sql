-- From when to when one actor was active, and the last day of the whole store: what is stale is so at that day.
SELECT
    min(day) AS first, max(day) AS last, count(*) AS days, CAST(sum(taught) AS INTEGER) AS taught,
    (SELECT max(day) FROM active) AS today
FROM active
WHERE actor = $actor AND plane = $plane
