-- Activities in normal form, one row a request or command (see model.py for the meaning of each field).
CREATE TABLE IF NOT EXISTS layout (layout INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS activity (
    id VARCHAR NOT NULL,
    "at" TIMESTAMP NOT NULL,
    actor VARCHAR NOT NULL,           -- key: kind, realm, name and carrier in one
    actor_kind VARCHAR NOT NULL,
    actor_name VARCHAR NOT NULL,
    realm VARCHAR NOT NULL,
    via VARCHAR,
    plane VARCHAR NOT NULL,
    verb VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    class VARCHAR NOT NULL,
    scope VARCHAR,
    namespace VARCHAR,
    name VARCHAR,
    outcome VARCHAR NOT NULL,
    disclosed BIGINT,
    address VARCHAR,
    network VARCHAR,
    network_kind VARCHAR NOT NULL,
    tool VARCHAR,
    container VARCHAR,
    text VARCHAR NOT NULL,
    traits VARCHAR[],
    source VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    off BIGINT NOT NULL,
    recognised VARCHAR[],
    tripwires VARCHAR[],
    weight DOUBLE NOT NULL,
    role VARCHAR NOT NULL,
    learn BOOLEAN NOT NULL
);
CREATE TEMPORARY TABLE arrived AS SELECT * FROM activity LIMIT 0
