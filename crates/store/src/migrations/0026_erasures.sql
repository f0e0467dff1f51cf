-- Who was taken out of the data, and when the last trace of them was wiped: docs/decisions/0014.
CREATE TABLE erasures (
    member_id INTEGER NOT NULL PRIMARY KEY,
    erased_at INTEGER NOT NULL,
    wiped_at  INTEGER,
    version   INTEGER NOT NULL
) {table};
CREATE INDEX erasures_unwiped ON erasures (erased_at, member_id) WHERE wiped_at IS NULL;

-- Nothing is paid from the account of somebody who was erased.
ALTER TABLE accounts ADD COLUMN is_closed INTEGER NOT NULL DEFAULT 0 CHECK (is_closed IN (0, 1));
