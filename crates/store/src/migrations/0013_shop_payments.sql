-- A top-up may pay for a shop order as it comes in.
ALTER TABLE topups ADD COLUMN pays_for INTEGER;
CREATE INDEX topups_pays_for ON topups (pays_for, topup_id) WHERE pays_for IS NOT NULL;
