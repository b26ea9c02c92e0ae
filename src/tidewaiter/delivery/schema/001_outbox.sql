-- What is on its way to whom. SQLite; a file per version, run in order, kept as it was released.

-- Every state of a finding that was ever offered, for as long as it is remembered.
CREATE TABLE document (
    number INTEGER PRIMARY KEY,     -- the order of offering
    finding TEXT NOT NULL,          -- its id
    fingerprint TEXT NOT NULL,
    actor TEXT NOT NULL,
    offered DOUBLE NOT NULL,        -- seconds since 1970
    covered INTEGER NOT NULL,       -- 1 when a person's verdict hid it
    taken INTEGER NOT NULL,         -- 1 when it went to any sink
    body BLOB                       -- the document as JSON; nothing once nobody waits for it
);
CREATE UNIQUE INDEX document_once ON document (finding, fingerprint);
CREATE INDEX document_finding ON document (finding, number);
CREATE INDEX document_offered ON document (offered);
CREATE INDEX document_actor ON document (actor, taken, offered);

-- Who is to have which, and how that goes.
CREATE TABLE delivery (
    sink TEXT NOT NULL,
    number INTEGER NOT NULL,
    finding TEXT NOT NULL,
    state TEXT NOT NULL,            -- pending, delivered, dead
    attempts INTEGER NOT NULL,
    blamed INTEGER NOT NULL,        -- of these, how often the receiver was there and failed over what it was sent
    due DOUBLE NOT NULL,            -- the next attempt
    since DOUBLE NOT NULL,          -- when the oldest undelivered state of this finding was offered, or retried
    reason TEXT NOT NULL,           -- of the last failure
    PRIMARY KEY (sink, number)
);
CREATE INDEX delivery_state ON delivery (sink, state, number);
CREATE INDEX delivery_finding ON delivery (finding, sink);
CREATE INDEX delivery_number ON delivery (number, state);

-- What was counted, by sink; of no sink in particular: ''.
CREATE TABLE tally (
    sink TEXT NOT NULL,
    what TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (sink, what)
);
