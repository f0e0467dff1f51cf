-- What WeChat calls a member and where a parcel goes are kept sealed: docs/decisions/0013. What was written before waits under another
-- name, where no earlier program looks, until the first start has sealed it.
ALTER TABLE members RENAME COLUMN openid TO openid_clear;
DROP INDEX members_openid;
ALTER TABLE members ADD COLUMN openid_index BLOB CHECK (LENGTH(openid_index) = 32);
ALTER TABLE members ADD COLUMN openid_sealed BLOB CHECK ((openid_sealed IS NULL) = (openid_index IS NULL));
CREATE UNIQUE INDEX members_openid_index ON members (openid_index) WHERE openid_index IS NOT NULL;

ALTER TABLE shop_orders RENAME COLUMN address TO address_clear;
ALTER TABLE shop_orders ADD COLUMN address_sealed BLOB CHECK (address_sealed IS NULL OR address_clear IS NULL);

-- One row: the key that what is sealed is found by, itself sealed; and when everything was sealed that was written in clear.
CREATE TABLE sealing (
    sealing_id INTEGER NOT NULL PRIMARY KEY CHECK (sealing_id = 1),
    index_key  BLOB    NOT NULL,
    done_at    INTEGER
) {table};
