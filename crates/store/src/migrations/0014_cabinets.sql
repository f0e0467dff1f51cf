CREATE TABLE stores (
    store_id   INTEGER NOT NULL PRIMARY KEY,
    code       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('children', 'arcade', 'sports')),
    property   TEXT    NOT NULL CHECK (property IN ('own', 'franchise')),
    address    TEXT    NOT NULL,
    phone      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX stores_code ON stores (code);

CREATE TABLE devices (
    device_id  INTEGER NOT NULL PRIMARY KEY,
    code       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    store_id   INTEGER NOT NULL,
    is_online  INTEGER NOT NULL CHECK (is_online IN (0, 1)),
    heard_at   INTEGER,
    planogram  TEXT    NOT NULL,
    session_id INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX devices_code ON devices (code);
CREATE INDEX devices_store ON devices (store_id, device_id);

CREATE TABLE door_sessions (
    session_id      INTEGER NOT NULL PRIMARY KEY,
    session_no      TEXT    NOT NULL,
    member_id       INTEGER NOT NULL,
    device_id       INTEGER NOT NULL,
    pay             TEXT    NOT NULL CHECK (pay IN ('wechat', 'ticket')),
    status          TEXT    NOT NULL
        CHECK (status IN ('opening', 'opened', 'closed', 'settled', 'held', 'failed', 'timed_out', 'released')),
    failure         TEXT,
    opened_at       INTEGER,
    closed_at       INTEGER,
    vendor_order_no TEXT,
    settlement      TEXT,
    due_at          INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX door_sessions_session_no ON door_sessions (session_no);
CREATE UNIQUE INDEX door_sessions_vendor ON door_sessions (vendor_order_no) WHERE vendor_order_no IS NOT NULL;
CREATE INDEX door_sessions_member ON door_sessions (member_id, session_id);
CREATE INDEX door_sessions_unsettled ON door_sessions (member_id, session_id)
    WHERE status IN ('opening', 'opened', 'closed', 'held');
CREATE INDEX door_sessions_due ON door_sessions (due_at, session_id) WHERE due_at IS NOT NULL;

CREATE TABLE cabinet_orders (
    order_id        INTEGER NOT NULL PRIMARY KEY,
    order_no        TEXT    NOT NULL,
    member_id       INTEGER NOT NULL,
    device_id       INTEGER NOT NULL,
    store_id        INTEGER NOT NULL,
    session_id      INTEGER NOT NULL,
    vendor_order_no TEXT    NOT NULL,
    items           TEXT    NOT NULL,
    total_cents     INTEGER NOT NULL CHECK (total_cents >= 0),
    tickets         INTEGER NOT NULL CHECK (tickets >= 0),
    pay             TEXT    NOT NULL CHECK (pay IN ('wechat', 'ticket')),
    status          TEXT    NOT NULL CHECK (status IN ('unpaid', 'paid')),
    reason          TEXT,
    paid_at         INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX cabinet_orders_order_no ON cabinet_orders (order_no);
-- No opening is charged twice, whatever else goes wrong.
CREATE UNIQUE INDEX cabinet_orders_session ON cabinet_orders (session_id);
CREATE INDEX cabinet_orders_member ON cabinet_orders (member_id, order_id);
CREATE INDEX cabinet_orders_unpaid ON cabinet_orders (member_id, order_id) WHERE status = 'unpaid';
CREATE INDEX cabinet_orders_device ON cabinet_orders (device_id, order_id);

CREATE TABLE cabinet_events (
    event_key    TEXT    NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL CHECK (kind IN ('orders', 'exceptions', 'doors', 'devices')),
    body         BLOB    NOT NULL,
    received_at  INTEGER NOT NULL,
    processed_at INTEGER
) {table};
CREATE INDEX cabinet_events_waiting ON cabinet_events (received_at, event_key) WHERE processed_at IS NULL;

CREATE TABLE partner_nonces (
    partner_id     TEXT    NOT NULL,
    nonce          TEXT    NOT NULL,
    remember_until INTEGER NOT NULL,
    PRIMARY KEY (partner_id, nonce)
) {clustered};
CREATE INDEX partner_nonces_until ON partner_nonces (remember_until);

INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version)
VALUES (3, 'system', 1, 'TICKET', 0, 0, 0);
