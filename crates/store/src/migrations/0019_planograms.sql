-- Who says anew what a cabinet offers says which planogram that was made from.
ALTER TABLE devices ADD COLUMN planogram_version INTEGER NOT NULL DEFAULT 0;
