-- Placing an order writes into every index of these tables. An index that scatters, by member or by meal, costs a page of the log for
-- each order, and most of a batch's time is its commit: here stands the least that still finds everything.
--
-- One index by member finds a member's orders, and the one that stands for a meal. What has ended is told apart by its own id, so
-- that only one order can stand.
DROP INDEX meal_orders_standing;
DROP INDEX meal_orders_member;
CREATE UNIQUE INDEX meal_orders_member ON meal_orders
    (member_id, meal_id, (CASE WHEN status IN ('canceled', 'refunded') THEN order_id ELSE 0 END));
CREATE INDEX meal_orders_placed_by ON meal_orders (placed_by, order_id) WHERE placed_by IS NOT NULL;

-- Who placed an order is found through the order.
DROP INDEX audits_actor;
CREATE INDEX audits_actor ON audits (actor_id, audit_id) WHERE actor_id IS NOT NULL AND action <> 'order.place';

-- The answers themselves are long: they are appended, and only their keys are scattered.
ALTER TABLE answers RENAME TO answers_by_key;
CREATE TABLE answers (
    caller_id    INTEGER NOT NULL,
    key          TEXT    NOT NULL,
    request_hash BLOB    NOT NULL,
    answer       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (caller_id, key)
) {table};
INSERT INTO answers (caller_id, key, request_hash, answer, created_at)
SELECT caller_id, key, request_hash, answer, created_at FROM answers_by_key ORDER BY created_at;
DROP TABLE answers_by_key;
