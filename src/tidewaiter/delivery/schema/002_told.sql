-- What a sink was told of findings that were held back, and how far into its file a sink has written.

CREATE TABLE told (
    sink TEXT NOT NULL,
    reason TEXT NOT NULL,
    n INTEGER NOT NULL,
    told_at DOUBLE NOT NULL,
    PRIMARY KEY (sink, reason)
);

CREATE TABLE place (
    sink TEXT PRIMARY KEY,
    mark TEXT NOT NULL
);
