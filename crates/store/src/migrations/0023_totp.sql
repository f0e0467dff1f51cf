-- Secrets are sealed under a key that is not in this database: docs/decisions/0012.
CREATE TABLE second_factors (
    member_id      INTEGER NOT NULL PRIMARY KEY,
    offered_secret BLOB CHECK ((offered_secret IS NULL) = (offered_until IS NULL)),
    offered_until  INTEGER,
    secret         BLOB CHECK ((secret IS NULL) = (since IS NULL)),
    last_step      INTEGER CHECK ((last_step IS NULL) = (since IS NULL)),
    recovery       BLOB CHECK ((recovery IS NULL) = (since IS NULL)),
    since          INTEGER,
    updated_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL
) {table};

-- Between a right password and a session. No session is ever made out of such a row's token.
CREATE TABLE sign_in_tickets (
    token_hash BLOB    NOT NULL,
    member_id  INTEGER NOT NULL,
    purpose    TEXT    NOT NULL CHECK (purpose IN ('code', 'set_up')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at   INTEGER,
    version    INTEGER NOT NULL,
    PRIMARY KEY (token_hash)
) {clustered};
CREATE INDEX sign_in_tickets_member ON sign_in_tickets (member_id, expires_at);
CREATE INDEX sign_in_tickets_expired ON sign_in_tickets (expires_at);
