-- Meals booked until told otherwise. A run is what a subscription did for one meal; its key is why it does so once.
CREATE TABLE subscriptions (
    subscription_id INTEGER NOT NULL PRIMARY KEY,
    owner_kind      TEXT    NOT NULL CHECK (owner_kind IN ('member', 'department')),
    owner_id        INTEGER NOT NULL,
    members         TEXT    NOT NULL,
    slot            TEXT    NOT NULL CHECK (slot IN ('breakfast', 'lunch', 'dinner')),
    weekdays        INTEGER NOT NULL CHECK (weekdays > 0),
    first_date      TEXT    NOT NULL,
    last_date       TEXT,
    notes           TEXT    NOT NULL,
    pickup_window   TEXT,
    status          TEXT    NOT NULL CHECK (status IN ('active', 'paused', 'ended')),
    created_by      INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL
) {table};
CREATE INDEX subscriptions_owner ON subscriptions (owner_id, subscription_id);
CREATE INDEX subscriptions_active ON subscriptions (slot, subscription_id) WHERE status = 'active';

CREATE TABLE subscription_runs (
    subscription_id INTEGER NOT NULL,
    meal_id         INTEGER NOT NULL,
    results         TEXT    NOT NULL,
    group_order_id  INTEGER,
    ran_at          INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    PRIMARY KEY (subscription_id, meal_id)
) {clustered};
