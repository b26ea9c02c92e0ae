-- From layout 2 to 3: days may be kept thin. Nothing that is there changes; activity.sql makes the new tables.
UPDATE layout SET layout = 3
