-- Surcharges cost less than nothing where they give back, and are of openings that were charged before.
DROP INDEX cabinet_orders_order_no;
DROP INDEX cabinet_orders_session;
DROP INDEX cabinet_orders_member;
DROP INDEX cabinet_orders_unpaid;
DROP INDEX cabinet_orders_device;
ALTER TABLE cabinet_orders RENAME TO cabinet_orders_before;

CREATE TABLE cabinet_orders (
    order_id         INTEGER NOT NULL PRIMARY KEY,
    order_no         TEXT    NOT NULL,
    member_id        INTEGER NOT NULL,
    device_id        INTEGER NOT NULL,
    store_id         INTEGER NOT NULL,
    session_id       INTEGER NOT NULL,
    vendor_order_no  TEXT    NOT NULL,
    items            TEXT    NOT NULL,
    total_cents      INTEGER NOT NULL,
    tickets          INTEGER NOT NULL,
    pay              TEXT    NOT NULL CHECK (pay IN ('wechat', 'ticket')),
    status           TEXT    NOT NULL CHECK (status IN ('unpaid', 'paid', 'withdrawn')),
    reason           TEXT,
    paid_at          INTEGER,
    withdrawn_at     INTEGER,
    attempts         TEXT    NOT NULL,
    order_type       TEXT    NOT NULL CHECK (order_type IN ('normal', 'corrected', 'surcharge')),
    related_order_id INTEGER,
    related_order_no TEXT,
    complaint_id     INTEGER,
    standing         TEXT,
    kept_tickets     INTEGER NOT NULL CHECK (kept_tickets >= 0),
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    CHECK (total_cents >= 0 OR order_type = 'surcharge'),
    CHECK ((order_type = 'surcharge') = (related_order_id IS NOT NULL))
) {table};
INSERT INTO cabinet_orders (order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents,
    tickets, pay, status, reason, paid_at, attempts, order_type, standing, kept_tickets, created_at, updated_at, version)
SELECT order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents,
    tickets, pay, status, reason, paid_at, '[]', 'normal',
    '{"items":' || items || ',"agreed":' || total_cents || ',"conceded":0,"corrections":0,"waiting":null,"due":null}',
    CASE WHEN status = 'paid' THEN tickets ELSE 0 END, created_at, updated_at, version FROM cabinet_orders_before;
DROP TABLE cabinet_orders_before;

CREATE UNIQUE INDEX cabinet_orders_order_no ON cabinet_orders (order_no);
-- No opening is charged twice, whatever else goes wrong.
CREATE UNIQUE INDEX cabinet_orders_session ON cabinet_orders (session_id) WHERE order_type <> 'surcharge';
CREATE INDEX cabinet_orders_member ON cabinet_orders (member_id, order_id);
CREATE INDEX cabinet_orders_unpaid ON cabinet_orders (member_id, order_id) WHERE status = 'unpaid';
CREATE INDEX cabinet_orders_device ON cabinet_orders (device_id, order_id);
CREATE INDEX cabinet_orders_related ON cabinet_orders (related_order_id, order_id) WHERE related_order_id IS NOT NULL;

-- What statistics add up by product. Orders that were made before this have none.
CREATE TABLE cabinet_lines (
    order_id    INTEGER NOT NULL,
    number      INTEGER NOT NULL CHECK (number > 0),
    product_id  INTEGER NOT NULL,
    quantity    INTEGER NOT NULL,
    total_cents INTEGER NOT NULL,
    PRIMARY KEY (order_id, number)
) {clustered};

CREATE TABLE cabinet_corrections (
    correction_id    INTEGER NOT NULL PRIMARY KEY,
    order_id         INTEGER NOT NULL,
    items            TEXT    NOT NULL,
    reason           TEXT    NOT NULL,
    difference_cents INTEGER NOT NULL,
    asked_by         INTEGER,
    status           TEXT    NOT NULL CHECK (status IN ('waiting', 'done', 'refused')),
    decided_by       INTEGER,
    decided_at       INTEGER,
    note             TEXT,
    surcharge_id     INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL
) {table};
CREATE INDEX cabinet_corrections_order ON cabinet_corrections (order_id, correction_id);
CREATE INDEX cabinet_corrections_waiting ON cabinet_corrections (correction_id) WHERE status = 'waiting';

CREATE TABLE complaints (
    complaint_id   INTEGER NOT NULL PRIMARY KEY,
    member_id      INTEGER NOT NULL,
    order_id       INTEGER NOT NULL,
    order_no       TEXT    NOT NULL,
    text           TEXT    NOT NULL,
    pictures       TEXT    NOT NULL,
    status         TEXT    NOT NULL CHECK (status IN ('open', 'answered', 'closed')),
    owner_id       INTEGER,
    replies        TEXT    NOT NULL,
    refunded_cents INTEGER NOT NULL CHECK (refunded_cents >= 0),
    answered_at    INTEGER,
    closed_at      INTEGER,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL
) {table};
-- An order has one complaint at a time.
CREATE UNIQUE INDEX complaints_order ON complaints (order_id) WHERE status <> 'closed';
CREATE INDEX complaints_member ON complaints (member_id, complaint_id);
CREATE INDEX complaints_status ON complaints (status, complaint_id);
