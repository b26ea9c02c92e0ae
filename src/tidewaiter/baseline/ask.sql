-- Nobody is asked about yet, and no day ahead.
DELETE FROM asked;
DELETE FROM day_ahead
