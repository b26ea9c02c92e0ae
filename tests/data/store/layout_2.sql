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
-- Which of the user's own rules held for the original record of an activity, and the fields that made them hold, as JSON.
CREATE TABLE IF NOT EXISTS matched (id VARCHAR NOT NULL, rule VARCHAR NOT NULL, fields VARCHAR NOT NULL);
CREATE OR REPLACE VIEW activity AS
SELECT occurrence.id, occurrence."at", occurrence.text, occurrence.line, occurrence.off, occurrence.disclosed, context.*
FROM occurrence
JOIN context ON context.context = occurrence.context
;
INSERT INTO layout VALUES (2);
INSERT INTO context VALUES
    (1, 'user|kubernetes|ann|', 'user', 'ann', 'kubernetes', NULL, 'kubernetes', 'list', 'pods', 'workload', 'everything', NULL,
     NULL, 'answered', '10.0.0.7', '10.0.0.0/24', 'private', 'kubectl/1.32', NULL, NULL, NULL, NULL, 'none', [], [], 'kube-audit',
     'audit.log', ['kube-list-everything@1'], [], 2.0, 'evidence', FALSE);
INSERT INTO occurrence VALUES (1, 'a', TIMESTAMP '2026-06-01 08:00:00', 'list /api/v1/pods', 1, 0, NULL)
