-- Every group of peers, for the days ahead.
CREATE OR REPLACE TEMPORARY TABLE wanted_peers AS
SELECT DISTINCT kin.plane, day_ahead.day, kin.peers
FROM kin
JOIN day_ahead ON day_ahead.plane = kin.plane
WHERE kin.peers <> 'everybody'
