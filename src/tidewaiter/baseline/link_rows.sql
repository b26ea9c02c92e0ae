-- What followed each episode, with the earlier days on which its doer did the same, as widely or more widely.
SELECT
    link.actor, link.plane, link.island, link.near, link.rule, link.times, coalesce(habits.prior, 0) AS prior,
    activity."at", activity.actor_kind, activity.actor_name, activity.realm, activity.via, activity.outcome, activity.id,
    CASE
        WHEN link.rule = 'new-address@1' THEN concat(activity.address, ': ', activity.text) ELSE activity.text
    END AS text,
    activity.source, activity.path, activity.line, activity.off
FROM link
JOIN activity ON activity.id = link.id
LEFT JOIN (
    SELECT
        link.actor, link.plane, link.island, link.id, link.rule, link.doer, count(DISTINCT custom.day) AS prior
    FROM link
    JOIN custom
        ON custom.actor = link.doer AND custom.rule = link.rule AND custom.day < link.day
        AND custom.reach <= link.reach AND custom.refused <= link.refused
    GROUP BY link.actor, link.plane, link.island, link.id, link.rule, link.doer
) AS habits
    ON habits.actor = link.actor AND habits.plane = link.plane AND habits.island = link.island
    AND habits.id = link.id AND habits.rule = link.rule AND habits.doer = link.doer
ORDER BY link.actor, link.plane, link.island, activity."at", link.id, link.rule
