-- The containers from which each episode came.
SELECT DISTINCT told.actor, told.plane, told.island, looked.container
FROM told
JOIN looked ON looked.context = told.context
WHERE looked.container IS NOT NULL
ORDER BY told.actor, told.plane, told.island, looked.container
