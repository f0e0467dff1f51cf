CREATE TABLE topups (
    topup_id       INTEGER NOT NULL PRIMARY KEY,
    order_no       TEXT    NOT NULL,
    member_id      INTEGER NOT NULL,
    amount_cents   INTEGER NOT NULL CHECK (amount_cents > 0),
    client         TEXT    NOT NULL CHECK (client IN ('jsapi', 'native', 'h5')),
    status         TEXT    NOT NULL CHECK (status IN ('pending', 'paid', 'expired', 'failed', 'refunding', 'refunded')),
    transaction_id TEXT,
    paid_at        INTEGER,
    source         TEXT,
    refunded_cents INTEGER,
    refund_id      INTEGER,
    failure        TEXT,
    expires_at     INTEGER NOT NULL,
    next_check_at  INTEGER NOT NULL,
    checks         INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX topups_order_no ON topups (order_no);
CREATE UNIQUE INDEX topups_transaction ON topups (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX topups_member ON topups (member_id, topup_id);
CREATE INDEX topups_due ON topups (next_check_at, topup_id) WHERE status = 'pending';
CREATE INDEX topups_paid ON topups (paid_at) WHERE paid_at IS NOT NULL;

CREATE TABLE payments (
    payment_id INTEGER NOT NULL PRIMARY KEY,
    topup_id   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('asked', 'accepted', 'refused')),
    error      TEXT,
    version    INTEGER NOT NULL
) {table};
CREATE INDEX payments_topup ON payments (topup_id, payment_id);

CREATE TABLE refunds (
    refund_id     INTEGER NOT NULL PRIMARY KEY,
    refund_no     TEXT    NOT NULL,
    topup_id      INTEGER NOT NULL,
    amount_cents  INTEGER NOT NULL CHECK (amount_cents > 0),
    reason        TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('asked', 'processing', 'abnormal', 'succeeded', 'returned')),
    next_check_at INTEGER NOT NULL,
    checks        INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    version       INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX refunds_refund_no ON refunds (refund_no);
CREATE INDEX refunds_topup ON refunds (topup_id, refund_id);
CREATE INDEX refunds_due ON refunds (next_check_at, refund_id) WHERE state IN ('asked', 'processing');
CREATE INDEX refunds_created ON refunds (created_at);

CREATE TABLE exceptions (
    exception_id INTEGER NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    evidence     TEXT    NOT NULL,
    proposed     TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('open', 'resolved')),
    resolved_by  INTEGER,
    resolved_at  INTEGER,
    action       TEXT,
    note         TEXT,
    owner_id     INTEGER,
    due_at       INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    version      INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX exceptions_open ON exceptions (kind, subject) WHERE state = 'open';
CREATE INDEX exceptions_due ON exceptions (state, exception_id);

CREATE TABLE callbacks (
    callback_id  INTEGER NOT NULL PRIMARY KEY,
    source       TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    received_at  INTEGER NOT NULL,
    processed_at INTEGER
) {table};
CREATE INDEX callbacks_waiting ON callbacks (callback_id) WHERE processed_at IS NULL;

CREATE TABLE bills (
    date             TEXT    NOT NULL,
    sha1             TEXT    NOT NULL,
    body             BLOB    NOT NULL,
    fetched_at       INTEGER NOT NULL,
    payments         INTEGER NOT NULL,
    paid_cents       INTEGER NOT NULL,
    refunds          INTEGER NOT NULL,
    refunded_cents   INTEGER NOT NULL,
    credited         INTEGER NOT NULL,
    exceptions       INTEGER NOT NULL,
    PRIMARY KEY (date)
) {table};

INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version)
VALUES (6, 'system', 3, 'CNY', 0, 0, 0);
