-- Where each credential was used, day by day. A bearer is what should be in one place: a pod (by the uid to which its
-- tokens are bound), a node, or a credential that is bound to nothing (a certificate, a token made by hand).
-- Everything in the store counts, also what was learnt and what is only context.

CREATE OR REPLACE TEMPORARY VIEW carried AS
SELECT
    occurrence.id, occurrence."at", CAST(occurrence."at" AS DATE) AS day,
    context.context, context.actor, context.node, context.address, context.network, context.network_kind,
    split_part(context.tool, '/', 1) AS tool_name,
    CASE
        WHEN context.actor_kind = 'node' THEN 'node'
        WHEN context.container IS NOT NULL THEN 'pod'
        ELSE 'free'
    END AS sort,
    CASE
        WHEN context.actor_kind = 'node' THEN context.actor_name
        ELSE context.credential
    END AS bearer
FROM occurrence
JOIN context ON context.context = occurrence.context
WHERE
    context.plane = 'kubernetes' AND context.address IS NOT NULL AND context.network_kind IN ('private', 'public')
    AND (context.actor_kind = 'node' OR context.credential IS NOT NULL AND context.actor_kind IN ('service-account', 'user'));

CREATE OR REPLACE TEMPORARY TABLE stay AS
SELECT
    sort, bearer, day, address, min(network) AS network, min(network_kind) AS network_kind, min(node) AS node,
    min("at") AS first, max("at") AS last, count(*) AS times
FROM carried
GROUP BY sort, bearer, day, address;

-- Where a bearer was first seen. What is home to several others is a gateway, a proxy or a node, and nobody's own place.
CREATE OR REPLACE TEMPORARY TABLE origin AS
SELECT sort, bearer, address, node
FROM (
    SELECT
        sort, bearer, address, node,
        row_number() OVER (PARTITION BY sort, bearer ORDER BY first, times DESC, address) AS place
    FROM stay
) AS ranked
WHERE place = 1;

CREATE OR REPLACE TEMPORARY TABLE gateway AS
SELECT address FROM origin WHERE sort <> 'node' GROUP BY address HAVING count(*) >= 2;

CREATE OR REPLACE TEMPORARY TABLE roaming AS
SELECT sort, bearer FROM stay GROUP BY sort, bearer HAVING count(DISTINCT address) > 1;

-- Days on which a third of all pods, and at least five, have more than one address: here that is how pods are seen.
CREATE OR REPLACE TEMPORARY TABLE unsteady AS
SELECT sort, day
FROM (SELECT sort, bearer, day, count(*) AS addresses FROM stay GROUP BY sort, bearer, day) AS daily
GROUP BY sort, day
HAVING
    sum(CASE WHEN addresses > 1 THEN 1 ELSE 0 END) >= 5
    AND 3 * sum(CASE WHEN addresses > 1 THEN 1 ELSE 0 END) >= count(*);

-- Of each roaming bearer and day: on how many earlier days it was there, and on how many of them in several places.
CREATE OR REPLACE TEMPORARY TABLE past AS
SELECT
    sort, bearer, day,
    row_number() OVER (PARTITION BY sort, bearer ORDER BY day) - 1 AS earlier,
    coalesce(sum(CASE WHEN addresses > 1 THEN 1 ELSE 0 END) OVER (
        PARTITION BY sort, bearer ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS several
FROM (
    SELECT stay.sort, stay.bearer, stay.day, count(*) AS addresses
    FROM stay
    JOIN roaming ON roaming.sort = stay.sort AND roaming.bearer = stay.bearer
    GROUP BY stay.sort, stay.bearer, stay.day
) AS daily;

-- Home is the address most used before the day; on the first day, the one that was there first.
CREATE OR REPLACE TEMPORARY TABLE home AS
SELECT sort, bearer, day, earlier, several, address, network, network_kind, node
FROM (
    SELECT
        past.sort, past.bearer, past.day, past.earlier, past.several, stay.address,
        min(stay.network) AS network, min(stay.network_kind) AS network_kind, min(stay.node) AS node,
        row_number() OVER (
            PARTITION BY past.sort, past.bearer, past.day
            ORDER BY
                sum(CASE WHEN stay.day < past.day THEN stay.times ELSE 0 END) DESC,
                min(stay.first), stay.address
        ) AS place
    FROM past
    JOIN stay ON stay.sort = past.sort AND stay.bearer = past.bearer AND stay.day <= past.day
    GROUP BY past.sort, past.bearer, past.day, past.earlier, past.several, stay.address
) AS ranked
WHERE place = 1;

-- Stays elsewhere that nothing explains: not a place known from two earlier days, no gateway, not the pod's own node,
-- no other family of addresses of the same pod. While little is known of a bearer, another address of the same network
-- is no sign: runners come from pools.
CREATE OR REPLACE TEMPORARY TABLE elsewhere AS
SELECT
    stay.sort, stay.bearer, stay.day, stay.address, stay.network, stay.first, stay.last,
    home.address AS home_address, home.network AS home_network,
    CASE WHEN stay.network_kind = 'public' AND home.network_kind <> 'public' THEN 1 ELSE 0 END AS outside
FROM stay
JOIN home ON home.sort = stay.sort AND home.bearer = stay.bearer AND home.day = stay.day
LEFT JOIN gateway ON gateway.address = stay.address
LEFT JOIN unsteady ON unsteady.sort = stay.sort AND unsteady.day = stay.day
LEFT JOIN (SELECT DISTINCT bearer, address FROM stay WHERE sort = 'node') AS kubelet
    ON stay.sort = 'pod' AND kubelet.bearer = coalesce(stay.node, home.node) AND kubelet.address = stay.address
LEFT JOIN (
    SELECT stay.sort, stay.bearer, stay.address, past.day, count(DISTINCT stay.day) AS days
    FROM past
    JOIN stay ON stay.sort = past.sort AND stay.bearer = past.bearer AND stay.day < past.day
    GROUP BY stay.sort, stay.bearer, stay.address, past.day
) AS visited
    ON visited.sort = stay.sort AND visited.bearer = stay.bearer AND visited.address = stay.address
    AND visited.day = stay.day
WHERE
    stay.address <> home.address
    AND home.several < 2
    AND gateway.address IS NULL AND unsteady.day IS NULL AND kubelet.address IS NULL
    AND coalesce(visited.days, 0) < 2
    AND (stay.address LIKE '%:%') = (home.address LIKE '%:%')
    AND (stay.network <> home.network OR home.earlier > 0 AND home.several = 0);

CREATE OR REPLACE TEMPORARY TABLE program AS
SELECT DISTINCT carried.sort, carried.bearer, carried.address, carried.tool_name
FROM carried
WHERE carried.bearer IN (SELECT bearer FROM elsewhere);

-- A pod or node that moved is not in two places: after a move nobody comes back to the old address, and the program is
-- the same. Someone else's use goes on beside the owner's in another network, comes from the Internet, or has another
-- program; two addresses of one network with the same program may be two of a pod's own.
CREATE OR REPLACE TEMPORARY TABLE away AS
SELECT elsewhere.sort, elsewhere.bearer, elsewhere.day, elsewhere.address
FROM elsewhere
JOIN (
    SELECT sort, bearer, address, max(last) AS last FROM stay GROUP BY sort, bearer, address
) AS owner
    ON owner.sort = elsewhere.sort AND owner.bearer = elsewhere.bearer AND owner.address = elsewhere.home_address
WHERE
    elsewhere.sort IN ('pod', 'node')
    AND (
        elsewhere.outside = 1 OR owner.last > elsewhere.first AND elsewhere.network <> elsewhere.home_network
        OR NOT EXISTS (
            SELECT 1
            FROM program AS there
            JOIN program AS here
                ON here.sort = there.sort AND here.bearer = there.bearer AND here.tool_name = there.tool_name
            WHERE
                there.sort = elsewhere.sort AND there.bearer = elsewhere.bearer
                AND there.address = elsewhere.address AND here.address = elsewhere.home_address
        )
    )
