-- SQLite checks a list of three or more words by building a table of them for every row that is written, which was a third of what
-- writing an order or its claim cost. The same rules, one comparison after the other, the likeliest first.
ALTER TABLE meal_orders RENAME TO meal_orders_before;
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
    status           TEXT    NOT NULL CHECK (status = 'active' OR status = 'locked' OR status = 'completed'
                                             OR status = 'canceled' OR status = 'refunded'),
    placed_by        INTEGER,
    group_order_id   INTEGER,
    redeemed_at      INTEGER,
    redeemed_by      INTEGER,
    pickup_code      TEXT,
    pickup_window    TEXT,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL
) {table};
INSERT INTO meal_orders (order_id, order_no, member_id, meal_id, payer_account_id, quantity, options, total_cents, notes, status,
                         placed_by, group_order_id, redeemed_at, redeemed_by, pickup_code, pickup_window, created_at, updated_at,
                         version)
SELECT order_id, order_no, member_id, meal_id, payer_account_id, quantity, options, total_cents, notes, status,
       placed_by, group_order_id, redeemed_at, redeemed_by, pickup_code, pickup_window, created_at, updated_at,
       version FROM meal_orders_before ORDER BY order_id;
DROP TABLE meal_orders_before;
CREATE UNIQUE INDEX meal_orders_member ON meal_orders
    (member_id, meal_id, (CASE WHEN status IN ('canceled', 'refunded') THEN order_id ELSE 0 END));
CREATE INDEX meal_orders_meal ON meal_orders (meal_id, order_id, pickup_code);
CREATE INDEX meal_orders_placed_by ON meal_orders (placed_by, order_id) WHERE placed_by IS NOT NULL;
CREATE INDEX meal_orders_group ON meal_orders (group_order_id, order_id) WHERE group_order_id IS NOT NULL;

ALTER TABLE holds RENAME TO holds_before;
CREATE TABLE holds (
    order_id   INTEGER NOT NULL,
    pool_id    INTEGER NOT NULL,
    quantity   INTEGER NOT NULL CHECK (quantity > 0),
    state      TEXT    NOT NULL CHECK (state = 'held' OR state = 'consumed' OR state = 'released'),
    expires_at INTEGER,
    version    INTEGER NOT NULL,
    PRIMARY KEY (order_id, pool_id)
) {clustered};
INSERT INTO holds (order_id, pool_id, quantity, state, expires_at, version)
SELECT order_id, pool_id, quantity, state, expires_at, version FROM holds_before ORDER BY order_id, pool_id;
DROP TABLE holds_before;
CREATE INDEX holds_expiring ON holds (pool_id, expires_at) WHERE state = 'held' AND expires_at IS NOT NULL;

ALTER TABLE shop_orders RENAME TO shop_orders_before;
CREATE TABLE shop_orders (
    order_id          INTEGER NOT NULL PRIMARY KEY,
    order_no          TEXT    NOT NULL,
    member_id         INTEGER NOT NULL,
    kind              TEXT    NOT NULL CHECK (kind = 'pieces' OR kind = 'shares' OR kind = 'pieces_and_shares' OR kind = 'prize'),
    product_id        INTEGER,
    round_id          INTEGER,
    quantity          INTEGER NOT NULL CHECK (quantity > 0),
    piece_price_cents INTEGER NOT NULL CHECK (piece_price_cents >= 0),
    share_price_cents INTEGER NOT NULL CHECK (share_price_cents >= 0),
    total_cents       INTEGER NOT NULL CHECK (total_cents >= 0),
    pay_with          TEXT    NOT NULL CHECK (pay_with IN ('balance', 'wechat')),
    address           TEXT,
    notes             TEXT    NOT NULL,
    share_numbers     TEXT    NOT NULL,
    status            TEXT    NOT NULL CHECK (status = 'pending' OR status = 'paid' OR status = 'completed'
                                              OR status = 'cancelled' OR status = 'expired' OR status = 'refunded'),
    fulfilment        TEXT    CHECK (fulfilment = 'pending' OR fulfilment = 'completed' OR fulfilment = 'not_needed'
                                     OR fulfilment = 'preparing' OR fulfilment = 'ready' OR fulfilment = 'shipped'),
    expires_at        INTEGER,
    paid_at           INTEGER,
    ended_at          INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    CHECK ((status = 'pending') = (expires_at IS NOT NULL))
) {table};
INSERT INTO shop_orders (order_id, order_no, member_id, kind, product_id, round_id, quantity, piece_price_cents, share_price_cents,
                         total_cents, pay_with, address, notes, share_numbers, status, fulfilment, expires_at, paid_at, ended_at,
                         created_at, updated_at, version)
SELECT order_id, order_no, member_id, kind, product_id, round_id, quantity, piece_price_cents, share_price_cents,
       total_cents, pay_with, address, notes, share_numbers, status, fulfilment, expires_at, paid_at, ended_at,
       created_at, updated_at, version FROM shop_orders_before ORDER BY order_id;
DROP TABLE shop_orders_before;
CREATE INDEX shop_orders_member ON shop_orders (member_id, order_id);
CREATE INDEX shop_orders_product ON shop_orders (product_id, order_id) WHERE product_id IS NOT NULL;
CREATE INDEX shop_orders_round ON shop_orders (round_id, order_id) WHERE round_id IS NOT NULL;
CREATE INDEX shop_orders_unpaid ON shop_orders (member_id, order_id) WHERE status = 'pending';
CREATE INDEX shop_orders_expiring ON shop_orders (expires_at, order_id) WHERE status = 'pending';
