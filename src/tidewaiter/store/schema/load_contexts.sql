INSERT INTO context
SELECT
    context,
    concat_ws('|', a.actor.kind, a.actor.realm, a.actor.name, coalesce(a.actor.via, '')),
    a.actor.kind, a.actor.name, a.actor.realm, a.actor.via,
    a.plane, a.verb, a.kind, a.resource_class, a.scope, a.namespace, a.name, a.outcome,
    a.address, network, network_kind, a.tool, a.container, a.node, a.credential, a.claimed, claimed_kind,
    likeness, a.traits,
    a.origin.source, a.origin.path,
    recognised, tripwires, weight, role, learn
FROM read_ndjson(
    $1,
    columns = {
        context: 'BIGINT',
        a: 'STRUCT(actor STRUCT(kind VARCHAR, "name" VARCHAR, realm VARCHAR, via VARCHAR),
            plane VARCHAR, verb VARCHAR, kind VARCHAR, resource_class VARCHAR, "scope" VARCHAR, namespace VARCHAR,
            "name" VARCHAR, outcome VARCHAR, address VARCHAR, tool VARCHAR, container VARCHAR, node VARCHAR,
            credential VARCHAR, claimed VARCHAR, traits VARCHAR[],
            origin STRUCT(source VARCHAR, "path" VARCHAR))',
        likeness: 'VARCHAR[]', recognised: 'VARCHAR[]', tripwires: 'VARCHAR[]', weight: 'DOUBLE', role: 'VARCHAR',
        network: 'VARCHAR', network_kind: 'VARCHAR', claimed_kind: 'VARCHAR', learn: 'BOOLEAN'
    }
)
