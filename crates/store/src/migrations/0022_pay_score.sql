-- What WeChat's pay score collects for openings. WeChat knows each by the number of its opening.
CREATE TABLE score_orders (
    session_id     INTEGER NOT NULL PRIMARY KEY,
    most_cents     INTEGER NOT NULL CHECK (most_cents > 0),
    status         TEXT    NOT NULL
        CHECK (status IN ('starting', 'running', 'completing', 'collecting', 'lowering', 'paid', 'cancelling', 'over')),
    order_id       INTEGER,
    total_cents    INTEGER CHECK (total_cents >= 0),
    from_cents     INTEGER CHECK (from_cents > total_cents),
    ended_at       INTEGER,
    transaction_id TEXT,
    paid_at        INTEGER,
    source         TEXT,
    refunded_cents INTEGER,
    ending         TEXT,
    next_check_at  INTEGER NOT NULL,
    checks         INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL
) {table};
-- No payment is collected for two openings, whatever else goes wrong.
CREATE UNIQUE INDEX score_orders_transaction ON score_orders (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX score_orders_due ON score_orders (next_check_at, session_id)
    WHERE status IN ('starting', 'running', 'completing', 'collecting', 'lowering', 'cancelling');

-- A refund of what was collected for an opening names that, and as its top-up the order for which it goes back.
ALTER TABLE refunds ADD COLUMN session_id INTEGER;

-- Cabinets take money now, and not only tickets.
INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version)
SELECT device_id * 2, 'device', device_id, 'CNY', 0, 0, 0 FROM devices;
