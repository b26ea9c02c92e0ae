-- Strangers who take turns are one actor (see profile.sql): who asks about one asks about all.
INSERT INTO asked
SELECT DISTINCT actor FROM context
WHERE
    actor_kind = 'anonymous' AND actor NOT IN (SELECT actor FROM asked)
    AND EXISTS (SELECT 1 FROM asked WHERE actor LIKE 'anonymous|%')
