-- The groups of one actor, the narrowest first, with some others of it that have a past.
SELECT kin.peers, count(others.actor) AS members, min(others.name) AS name
FROM kin
LEFT JOIN (
    SELECT its.plane, its.peers, its.actor, named.name
    FROM kin AS its
    JOIN settled ON settled.actor = its.actor AND settled.plane = its.plane
    JOIN (SELECT actor, min(actor_name) AS name FROM context GROUP BY actor) AS named ON named.actor = its.actor
    WHERE its.actor <> $actor
) AS others
    ON others.plane = kin.plane AND others.peers = kin.peers
WHERE kin.actor = $actor AND kin.plane = $plane AND kin.peers <> 'everybody'
GROUP BY kin.peers, kin.width
ORDER BY kin.width, members DESC, kin.peers
