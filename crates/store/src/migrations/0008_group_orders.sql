-- What a department books for several of its members at one meal. Its state is what its members' orders say.
CREATE TABLE group_orders (
    group_order_id INTEGER NOT NULL PRIMARY KEY,
    department_id  INTEGER NOT NULL,
    meal_id        INTEGER NOT NULL,
    placed_by      INTEGER,
    remark         TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL
) {table};
CREATE INDEX group_orders_department ON group_orders (department_id, group_order_id);
CREATE INDEX group_orders_meal ON group_orders (meal_id, group_order_id);

ALTER TABLE meal_orders ADD COLUMN group_order_id INTEGER;
ALTER TABLE meal_orders ADD COLUMN redeemed_at INTEGER;
CREATE INDEX meal_orders_group ON meal_orders (group_order_id, order_id) WHERE group_order_id IS NOT NULL;

ALTER TABLE departments ADD COLUMN overdraft_limit_cents INTEGER;
ALTER TABLE departments ADD COLUMN members_may_cancel INTEGER NOT NULL DEFAULT 1 CHECK (members_may_cancel IN (0, 1));
