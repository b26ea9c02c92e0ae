-- How often one actor looks around: by day, and the time from one read of a kind to the next.
SELECT
    daily.requests, daily.usual, daily.most, again.times, again.sooner, again.every, again.later
FROM (
    SELECT
        CAST(coalesce(sum(requests), 0) AS BIGINT) AS requests, coalesce(quantile_cont(requests, 0.5), 0) AS usual,
        coalesce(max(requests), 0) AS most
    FROM (
        SELECT day, count(*) AS requests FROM sighting
        WHERE actor = $actor AND plane = $plane AND day >= (SELECT day FROM horizon)
        GROUP BY day
    ) AS days
) AS daily
CROSS JOIN (
    SELECT
        count(*) AS times, quantile_cont(gap, 0.25) AS sooner, quantile_cont(gap, 0.5) AS every,
        quantile_cont(gap, 0.75) AS later
    FROM (
        SELECT date_diff('second', lag("at") OVER (PARTITION BY kind ORDER BY "at"), "at") AS gap
        FROM sighting
        WHERE actor = $actor AND plane = $plane AND day >= (SELECT day FROM horizon)
    ) AS gaps
    WHERE gap > 0
) AS again
