-- The containers from which each episode came, without names that several have (see chain.sql).
SELECT DISTINCT told.actor, told.plane, told.island, looked.container
FROM told
JOIN looked ON looked.context = told.context
WHERE looked.container IS NOT NULL AND looked.container NOT IN (SELECT container FROM ambiguous)
ORDER BY told.actor, told.plane, told.island, looked.container
