-- Names of actors that look most like another name.
SELECT actor_name
FROM (
    SELECT
        actor_name,
        min(CASE WHEN lower(actor_name) LIKE concat('%', lower($name), '%') THEN 0 ELSE levenshtein(lower(actor_name), lower($name)) END)
            AS apart
    FROM context
    WHERE role <> 'context'
    GROUP BY actor_name
) AS names
ORDER BY apart, actor_name
LIMIT 5
