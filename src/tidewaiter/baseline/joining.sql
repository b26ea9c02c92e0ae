-- How many actors of each group of peers (see peers.sql) have a past, by the day from which on they have it.
CREATE OR REPLACE TEMPORARY TABLE joining AS
SELECT kin.plane, kin.peers, settled.since, count(*) AS actors
FROM settled
JOIN kin ON kin.actor = settled.actor AND kin.plane = settled.plane
GROUP BY kin.plane, kin.peers, settled.since
