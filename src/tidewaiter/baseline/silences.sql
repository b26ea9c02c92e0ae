-- The longest stretch without a record of a source that otherwise writes in at least every second minute.
-- A source that is used by people only is silent every night, and says nothing by it.
WITH minute AS (
    SELECT DISTINCT context.source, date_trunc('minute', occurrence."at") AS "at"
    FROM occurrence
    JOIN context ON context.context = occurrence.context
), gap AS (
    SELECT
        source, "at" AS last,
        lag("at") OVER (PARTITION BY source ORDER BY "at") AS first
    FROM minute
), longest AS (
    SELECT
        source,
        max(date_diff('minute', first, last)) AS minutes,
        count(*) AS active,
        date_diff('minute', min(last), max(last)) AS span
    FROM gap
    GROUP BY source
)
SELECT gap.source, gap.first, gap.last
FROM gap
JOIN longest ON longest.source = gap.source
WHERE
    date_diff('minute', gap.first, gap.last) = longest.minutes
    AND longest.minutes >= 60
    AND longest.active >= 200
    AND longest.active * 2 >= longest.span - longest.minutes
ORDER BY gap.source, gap.first
