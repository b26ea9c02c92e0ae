-- Whose activity, and when, a person judged malicious: it never teaches what is ordinary. Filled from the verdicts that are
-- kept beside the store, anew in each run.
CREATE OR REPLACE TEMPORARY TABLE judged (
    actor VARCHAR NOT NULL,           -- key as in context
    plane VARCHAR,
    opens TIMESTAMP NOT NULL,
    closes TIMESTAMP NOT NULL
)
