-- What one round of measuring is about. A scan asks of everybody and of no day ahead; a service asks of those who did
-- something new, day by day.
CREATE OR REPLACE TEMPORARY TABLE asked (actor VARCHAR NOT NULL);
CREATE OR REPLACE TEMPORARY TABLE day_ahead (plane VARCHAR NOT NULL, day DATE NOT NULL)
