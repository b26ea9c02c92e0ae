INSERT INTO arrived
SELECT
    a.id, a."at",
    concat_ws('|', a.actor.kind, a.actor.realm, a.actor.name, coalesce(a.actor.via, '')),
    a.actor.kind, a.actor.name, a.actor.realm, a.actor.via,
    a.plane, a.verb, a.kind, a.resource_class, a.scope, a.namespace, a.name, a.outcome, a.disclosed,
    a.address, network, network_kind, a.tool, a.container, a.text, a.traits,
    a.origin.source, a.origin.path, a.origin.line, a.origin."offset",
    recognised, tripwires, weight, role, learn
FROM read_ndjson(
    $1,
    columns = {
        a: 'STRUCT(id VARCHAR, "at" TIMESTAMP, actor STRUCT(kind VARCHAR, "name" VARCHAR, realm VARCHAR, via VARCHAR),
            plane VARCHAR, verb VARCHAR, kind VARCHAR, resource_class VARCHAR, "scope" VARCHAR, namespace VARCHAR,
            "name" VARCHAR, outcome VARCHAR, disclosed BIGINT, address VARCHAR, tool VARCHAR, container VARCHAR,
            "text" VARCHAR, traits VARCHAR[],
            origin STRUCT(source VARCHAR, "path" VARCHAR, line BIGINT, "offset" BIGINT))',
        recognised: 'VARCHAR[]', tripwires: 'VARCHAR[]', weight: 'DOUBLE', role: 'VARCHAR',
        network: 'VARCHAR', network_kind: 'VARCHAR', learn: 'BOOLEAN'
    }
)
