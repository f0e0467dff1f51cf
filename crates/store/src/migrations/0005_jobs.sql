CREATE TABLE jobs (
    name     TEXT    NOT NULL,
    paused   INTEGER NOT NULL CHECK (paused IN (0, 1)),
    last_run INTEGER,
    version  INTEGER NOT NULL,
    PRIMARY KEY (name)
) {clustered};

CREATE TABLE job_runs (
    run_id       INTEGER NOT NULL PRIMARY KEY,
    job          TEXT    NOT NULL,
    node         INTEGER NOT NULL,
    claim        INTEGER NOT NULL,
    triggered_by INTEGER,
    started_at   INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'abandoned')),
    lease_until  INTEGER,
    ended_at     INTEGER,
    counts       TEXT,
    error        TEXT,
    version      INTEGER NOT NULL
) {table};
CREATE INDEX job_runs_job ON job_runs (job, run_id);
