INSERT INTO fresh
SELECT context, id, "at", text, line, off, disclosed
FROM read_ndjson(
    $1,
    columns = {
        context: 'BIGINT', id: 'VARCHAR', "at": 'TIMESTAMP', text: 'VARCHAR', line: 'BIGINT', off: 'BIGINT',
        disclosed: 'BIGINT'
    }
)
