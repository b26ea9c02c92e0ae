-- What came in since the store was last settled.
CREATE OR REPLACE TEMPORARY TABLE fresh AS SELECT * FROM occurrence WHERE FALSE
