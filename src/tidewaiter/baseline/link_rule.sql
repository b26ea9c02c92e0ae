-- The rules whose activities make a story of discovery when they follow it; filled from the recognisers.
CREATE OR REPLACE TEMPORARY TABLE link_rule (rule VARCHAR NOT NULL)
