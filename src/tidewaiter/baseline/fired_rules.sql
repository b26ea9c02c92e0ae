-- Every recogniser that had something to say, by name@version.
SELECT DISTINCT rule
FROM (
    SELECT unnest(recognised) AS rule FROM context
    UNION ALL
    SELECT unnest(tripwires) FROM context
) AS rules
