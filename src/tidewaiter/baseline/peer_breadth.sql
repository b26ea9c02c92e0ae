-- What three quarters of a group of peers stay below, on each day on which it is asked for (wanted_peers): of each peer with
-- a past the most of its days, so that one busy account does not count thirty times.
CREATE OR REPLACE TEMPORARY TABLE peer_breadth AS
SELECT
    plane, peers, day,
    quantile_cont(in_10s, 0.75) AS of_10s, quantile_cont(in_10min, 0.75) AS of_10min,
    quantile_cont(in_1h, 0.75) AS of_1h, quantile_cont(in_24h, 0.75) AS of_24h,
    quantile_cont(classes_10s, 0.75) AS classes_of_10s, quantile_cont(classes_10min, 0.75) AS classes_of_10min,
    quantile_cont(classes_1h, 0.75) AS classes_of_1h, quantile_cont(classes_24h, 0.75) AS classes_of_24h
FROM (
    SELECT
        days.plane, days.peers, days.day, breadth.actor,
        max(breadth.in_10s) AS in_10s, max(breadth.in_10min) AS in_10min,
        max(breadth.in_1h) AS in_1h, max(breadth.in_24h) AS in_24h,
        max(breadth.classes_10s) AS classes_10s, max(breadth.classes_10min) AS classes_10min,
        max(breadth.classes_1h) AS classes_1h, max(breadth.classes_24h) AS classes_24h
    FROM wanted_peers AS days
    JOIN kin ON kin.plane = days.plane AND kin.peers = days.peers
    JOIN settled ON settled.actor = kin.actor AND settled.plane = kin.plane AND settled.since < days.day
    JOIN breadth ON breadth.actor = kin.actor AND breadth.plane = kin.plane AND breadth.day < days.day
    GROUP BY days.plane, days.peers, days.day, breadth.actor
) AS peer
GROUP BY plane, peers, day
