CREATE TABLE products (
    product_id   INTEGER NOT NULL PRIMARY KEY,
    name_zh      TEXT    NOT NULL,
    name_en      TEXT,
    description  TEXT    NOT NULL,
    price_cents  INTEGER NOT NULL CHECK (price_cents >= 0),
    member_limit INTEGER CHECK (member_limit > 0),
    on_sale      INTEGER NOT NULL CHECK (on_sale IN (0, 1)),
    pictures     TEXT    NOT NULL,
    movements    INTEGER NOT NULL CHECK (movements >= 0),
    rounds       INTEGER NOT NULL CHECK (rounds >= 0),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    version      INTEGER NOT NULL
) {table};

CREATE TABLE stock_movements (
    product_id  INTEGER NOT NULL,
    number      INTEGER NOT NULL CHECK (number > 0),
    delta       INTEGER NOT NULL CHECK (delta <> 0),
    reason      TEXT    NOT NULL,
    moved_by    INTEGER,
    moved_at    INTEGER NOT NULL,
    total_after INTEGER NOT NULL CHECK (total_after >= 0),
    PRIMARY KEY (product_id, number)
) {clustered};

CREATE TABLE rounds (
    round_id          INTEGER NOT NULL PRIMARY KEY,
    product_id        INTEGER NOT NULL,
    number            INTEGER NOT NULL CHECK (number > 0),
    share_price_cents INTEGER NOT NULL CHECK (share_price_cents >= 0),
    member_limit      INTEGER CHECK (member_limit > 0),
    opens_at          INTEGER NOT NULL,
    closes_at         INTEGER NOT NULL,
    prize_order_id    INTEGER NOT NULL,
    secret            BLOB    NOT NULL,
    commitment        TEXT    NOT NULL,
    next_number       INTEGER NOT NULL CHECK (next_number > 0),
    free_numbers      TEXT    NOT NULL,
    status            TEXT    NOT NULL CHECK (status IN ('open', 'sold_out', 'drawn', 'failed')),
    ended_at          INTEGER,
    winning_number    INTEGER,
    winning_order_id  INTEGER,
    winner_id         INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    version           INTEGER NOT NULL
) {table};
CREATE UNIQUE INDEX rounds_product ON rounds (product_id, number);
-- What a job has to look at: rounds to draw, and rounds to close.
CREATE INDEX rounds_unfinished ON rounds (closes_at, round_id) WHERE status IN ('open', 'sold_out');

CREATE TABLE shop_orders (
    order_id          INTEGER NOT NULL PRIMARY KEY,
    order_no          TEXT    NOT NULL,
    member_id         INTEGER NOT NULL,
    kind              TEXT    NOT NULL CHECK (kind IN ('pieces', 'shares', 'pieces_and_shares', 'prize')),
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
    status            TEXT    NOT NULL
        CHECK (status IN ('pending', 'paid', 'completed', 'cancelled', 'expired', 'refunded')),
    fulfilment        TEXT
        CHECK (fulfilment IN ('not_needed', 'pending', 'preparing', 'ready', 'shipped', 'completed')),
    expires_at        INTEGER,
    paid_at           INTEGER,
    ended_at          INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    CHECK ((status = 'pending') = (expires_at IS NOT NULL))
) {table};
-- An order has its number from its id, so that nobody has to look numbers up. These scatter: a member's orders, and a product's or a
-- round's, which grow at their ends.
CREATE INDEX shop_orders_member ON shop_orders (member_id, order_id);
CREATE INDEX shop_orders_product ON shop_orders (product_id, order_id) WHERE product_id IS NOT NULL;
CREATE INDEX shop_orders_round ON shop_orders (round_id, order_id) WHERE round_id IS NOT NULL;
-- An order that is paid from the balance never enters these.
CREATE INDEX shop_orders_unpaid ON shop_orders (member_id, order_id) WHERE status = 'pending';
CREATE INDEX shop_orders_expiring ON shop_orders (expires_at, order_id) WHERE status = 'pending';

CREATE TABLE stuck_orders (
    order_id   INTEGER NOT NULL PRIMARY KEY,
    attempts   INTEGER NOT NULL CHECK (attempts > 0),
    retry_at   INTEGER,
    last_error TEXT    NOT NULL,
    version    INTEGER NOT NULL
) {table};
