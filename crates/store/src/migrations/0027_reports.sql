CREATE TABLE reports (
    report_id INTEGER NOT NULL PRIMARY KEY,
    kind      TEXT    NOT NULL CHECK (kind IN ('daily', 'exceptions', 'health')),
    date      TEXT    NOT NULL,
    figures   TEXT    NOT NULL,
    made_at   INTEGER NOT NULL,
    version   INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX reports_kind ON reports (kind, date);
