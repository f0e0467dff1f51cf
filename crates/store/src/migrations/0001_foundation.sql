CREATE TABLE departments (
    department_id INTEGER NOT NULL PRIMARY KEY,
    code          TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    pays          TEXT    NOT NULL CHECK (pays IN ('member', 'department')),
    created_at    INTEGER NOT NULL,
    version       INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX departments_code ON departments (code);

CREATE TABLE members (
    member_id             INTEGER NOT NULL PRIMARY KEY,
    uid                   TEXT    NOT NULL,
    openid                TEXT,
    account               TEXT,
    nickname              TEXT    NOT NULL,
    avatar_url            TEXT,
    department_id         INTEGER,
    status                TEXT    NOT NULL CHECK (status IN ('active', 'disabled')),
    overdraft_limit_cents INTEGER,
    grants                TEXT    NOT NULL,
    created_at            INTEGER NOT NULL,
    version               INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX members_uid ON members (uid);
CREATE UNIQUE INDEX members_openid ON members (openid) WHERE openid IS NOT NULL;
CREATE UNIQUE INDEX members_account ON members (account) WHERE account IS NOT NULL;
CREATE INDEX members_department ON members (department_id, member_id) WHERE department_id IS NOT NULL;

CREATE TABLE credentials (
    member_id     INTEGER NOT NULL PRIMARY KEY,
    password_hash TEXT    NOT NULL
) {table};

CREATE TABLE sessions (
    token_hash BLOB    NOT NULL,
    member_id  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    version    INTEGER NOT NULL,
    PRIMARY KEY (token_hash)
) {clustered};

CREATE TABLE pools (
    pool_id  INTEGER NOT NULL PRIMARY KEY,
    capacity INTEGER NOT NULL CHECK (capacity >= 0),
    taken    INTEGER NOT NULL CHECK (taken >= 0),
    version  INTEGER NOT NULL,
    CHECK (taken <= capacity)
) {table};

CREATE TABLE holds (
    order_id   INTEGER NOT NULL,
    pool_id    INTEGER NOT NULL,
    quantity   INTEGER NOT NULL CHECK (quantity > 0),
    state      TEXT    NOT NULL CHECK (state IN ('held', 'consumed', 'released')),
    expires_at INTEGER,
    version    INTEGER NOT NULL,
    PRIMARY KEY (order_id, pool_id)
) {clustered};
CREATE INDEX holds_expiring ON holds (pool_id, expires_at) WHERE state = 'held' AND expires_at IS NOT NULL;

CREATE TABLE accounts (
    account_id  INTEGER NOT NULL PRIMARY KEY,
    owner_kind  TEXT    NOT NULL,
    owner_id    INTEGER NOT NULL,
    currency    TEXT    NOT NULL CHECK (currency IN ('CNY', 'TICKET')),
    balance     INTEGER NOT NULL,
    entry_count INTEGER NOT NULL CHECK (entry_count >= 0),
    version     INTEGER NOT NULL
) {table};

CREATE TABLE entries (
    account_id    INTEGER NOT NULL,
    number        INTEGER NOT NULL CHECK (number > 0),
    transfer_id   INTEGER NOT NULL,
    kind          TEXT    NOT NULL,
    order_id      INTEGER,
    amount        INTEGER NOT NULL CHECK (amount <> 0),
    balance_after INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (account_id, number)
) {clustered};

CREATE TABLE meals (
    meal_id          INTEGER NOT NULL PRIMARY KEY,
    date             TEXT    NOT NULL,
    slot             TEXT    NOT NULL CHECK (slot IN ('breakfast', 'lunch', 'dinner')),
    title            TEXT,
    description      TEXT    NOT NULL,
    base_price_cents INTEGER NOT NULL CHECK (base_price_cents >= 0),
    options          TEXT    NOT NULL,
    status           TEXT    NOT NULL CHECK (status IN ('draft', 'published', 'locked', 'completed', 'canceled')),
    orders_close_at  INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX meals_current ON meals (date, slot) WHERE status <> 'canceled';
CREATE INDEX meals_date ON meals (date, slot, meal_id);

CREATE TABLE meal_orders (
    order_id         INTEGER NOT NULL PRIMARY KEY,
    order_no         TEXT    NOT NULL,
    member_id        INTEGER NOT NULL,
    meal_id          INTEGER NOT NULL,
    payer_account_id INTEGER NOT NULL,
    quantity         INTEGER NOT NULL CHECK (quantity > 0),
    options          TEXT    NOT NULL,
    total_cents      INTEGER NOT NULL CHECK (total_cents >= 0),
    notes            TEXT    NOT NULL,
    status           TEXT    NOT NULL CHECK (status IN ('active', 'locked', 'completed', 'canceled', 'refunded')),
    placed_by        INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX meal_orders_standing ON meal_orders (meal_id, member_id)
    WHERE status IN ('active', 'locked', 'completed');
CREATE INDEX meal_orders_meal ON meal_orders (meal_id, order_id);
CREATE INDEX meal_orders_member ON meal_orders (member_id, order_id);

CREATE TABLE audits (
    audit_id     INTEGER NOT NULL PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor_id     INTEGER,
    action       TEXT    NOT NULL,
    object_kind  TEXT    NOT NULL,
    object_id    INTEGER NOT NULL,
    value_before TEXT,
    value_after  TEXT,
    reason       TEXT
) {table};
CREATE INDEX audits_object ON audits (object_id, audit_id);

CREATE TABLE answers (
    caller_id    INTEGER NOT NULL,
    key          TEXT    NOT NULL,
    request_hash BLOB    NOT NULL,
    answer       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (caller_id, key)
) {clustered};

CREATE TABLE outbox (
    message_id   INTEGER NOT NULL PRIMARY KEY,
    topic        TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'parked')),
    due_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    leased_until INTEGER NOT NULL,
    last_error   TEXT,
    created_at   INTEGER NOT NULL
) {table};
CREATE INDEX outbox_waiting ON outbox (due_at, message_id) WHERE state = 'waiting';

CREATE TABLE nodes (
    number      INTEGER NOT NULL PRIMARY KEY,
    holder      TEXT    NOT NULL,
    lease_until INTEGER NOT NULL,
    ids_until   INTEGER NOT NULL
) {table};

INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version)
VALUES (2, 'system', 1, 'CNY', 0, 0, 0);
