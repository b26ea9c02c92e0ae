-- Activities in normal form (see model.py for the meaning of each field). What repeats from record to record (who, what
-- of, with what, and what the recognisers said) is a context, kept once; what differs is an occurrence of it.
CREATE TABLE IF NOT EXISTS layout (layout INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS context (
    context BIGINT NOT NULL,
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
    address VARCHAR,
    network VARCHAR,
    network_kind VARCHAR NOT NULL,
    tool VARCHAR,
    container VARCHAR,
    node VARCHAR,
    credential VARCHAR,
    claimed VARCHAR,
    claimed_kind VARCHAR NOT NULL,
    likeness VARCHAR[],
    traits VARCHAR[],
    source VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    recognised VARCHAR[],
    tripwires VARCHAR[],
    weight DOUBLE NOT NULL,
    role VARCHAR NOT NULL,
    learn BOOLEAN NOT NULL
);
CREATE TABLE IF NOT EXISTS occurrence (
    context BIGINT NOT NULL,
    id VARCHAR NOT NULL,
    "at" TIMESTAMP NOT NULL,
    text VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    off BIGINT NOT NULL,
    disclosed BIGINT
);
-- Days before this one are kept thin (see thin.sql): they teach, and are not judged any more.
CREATE TABLE IF NOT EXISTS horizon (day DATE NOT NULL);
-- What thinning would forget of a day: how broad each actor was (columns as in breadth.sql), and what correlations found.
CREATE TABLE IF NOT EXISTS past_breadth (
    actor VARCHAR NOT NULL, plane VARCHAR NOT NULL, day DATE NOT NULL,
    in_10s BIGINT, in_10min BIGINT, in_1h BIGINT, in_24h BIGINT,
    classes_10s BIGINT, classes_10min BIGINT, classes_1h BIGINT, classes_24h BIGINT
);
CREATE TABLE IF NOT EXISTS past_hit (
    actor VARCHAR NOT NULL, plane VARCHAR NOT NULL, day DATE NOT NULL, rule VARCHAR NOT NULL, taught INTEGER NOT NULL
);
-- How far a service has read its journal, committed together with what it read; empty for a scan.
CREATE TABLE IF NOT EXISTS journal_place (segment BIGINT NOT NULL, off BIGINT NOT NULL);
-- Which of the user's own rules held for the original record of an activity, and the fields that made them hold, as JSON.
CREATE TABLE IF NOT EXISTS matched (id VARCHAR NOT NULL, rule VARCHAR NOT NULL, fields VARCHAR NOT NULL);
CREATE OR REPLACE VIEW activity AS
SELECT occurrence.id, occurrence."at", occurrence.text, occurrence.line, occurrence.off, occurrence.disclosed, context.*
FROM occurrence
JOIN context ON context.context = occurrence.context
