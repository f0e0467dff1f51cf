-- A seal is a hash over a stretch of the audit trail and over the seal before it: who rewrites a record has to rewrite every seal
-- since, and the newest one stands in the log. Sealing comes after the fact, so that writing a record costs what it did.
CREATE TABLE audit_seals (
    seal_id   INTEGER NOT NULL PRIMARY KEY,
    from_id   INTEGER NOT NULL,
    until_id  INTEGER NOT NULL,
    records   INTEGER NOT NULL,
    hash      TEXT    NOT NULL,
    sealed_at INTEGER NOT NULL
) {table};
