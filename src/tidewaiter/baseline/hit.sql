-- Activities that correlations matched; filled from the recognisers before episodes are made.
CREATE OR REPLACE TEMPORARY TABLE hit (id VARCHAR NOT NULL, rule VARCHAR NOT NULL, weight DOUBLE NOT NULL)
