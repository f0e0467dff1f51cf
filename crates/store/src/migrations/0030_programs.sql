-- Servers of two versions on one database: docs/decisions/0021. The oldest program that goes on beside a step, named by the newest step
-- that it knows; absent, none that does not know the step itself. And what the program of each server knows.
ALTER TABLE schema_migrations ADD COLUMN oldest_program INTEGER;
ALTER TABLE nodes ADD COLUMN schema INTEGER NOT NULL DEFAULT 0;
