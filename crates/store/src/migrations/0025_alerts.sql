CREATE TABLE alerts (
    alert_id    INTEGER NOT NULL PRIMARY KEY,
    rule        TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('firing', 'resolved')),
    value       INTEGER NOT NULL,
    threshold   INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    told_at     INTEGER,
    resolved_at INTEGER CHECK ((resolved_at IS NULL) = (state = 'firing')),
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX alerts_firing ON alerts (rule, subject) WHERE state = 'firing';
CREATE INDEX alerts_state ON alerts (state, alert_id);

CREATE TABLE silences (
    rule       TEXT    NOT NULL PRIMARY KEY,
    until_at   INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    set_by     INTEGER,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL
) {table};

-- What each server counts in memory, summed over all of them by the minute.
CREATE TABLE tallies (
    name   TEXT    NOT NULL,
    minute INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (name, minute)
) {clustered};
CREATE INDEX tallies_minute ON tallies (minute);

CREATE INDEX door_sessions_held ON door_sessions (session_id) WHERE status = 'held';
CREATE INDEX devices_offline ON devices (heard_at) WHERE is_online = 0;
