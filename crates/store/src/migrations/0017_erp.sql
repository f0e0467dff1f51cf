-- What partners tell is kept in one place, whoever tells it.
CREATE TABLE partner_events (
    event_key    TEXT    NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL CHECK (kind IN ('orders', 'exceptions', 'doors', 'devices', 'products')),
    body         BLOB    NOT NULL,
    received_at  INTEGER NOT NULL,
    processed_at INTEGER
) {table};
INSERT INTO partner_events (event_key, kind, body, received_at, processed_at)
    SELECT event_key, kind, body, received_at, processed_at FROM cabinet_events;
DROP TABLE cabinet_events;
CREATE INDEX partner_events_waiting ON partner_events (received_at, event_key) WHERE processed_at IS NULL;

CREATE TABLE erp_products (
    code       TEXT    NOT NULL PRIMARY KEY,
    product_id INTEGER NOT NULL,
    told_at    INTEGER NOT NULL,
    version    INTEGER NOT NULL
) {table};

CREATE TABLE sales_documents (
    date        TEXT    NOT NULL,
    store_id    INTEGER NOT NULL,
    document_no TEXT    NOT NULL,
    sends       INTEGER NOT NULL CHECK (sends > 0),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (date, store_id)
) {clustered};
CREATE UNIQUE INDEX sales_documents_number ON sales_documents (document_no);

CREATE INDEX cabinet_orders_store ON cabinet_orders (store_id, order_id);
CREATE INDEX cabinet_orders_paid ON cabinet_orders (paid_at, order_id) WHERE paid_at IS NOT NULL;
