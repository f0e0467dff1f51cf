-- Fetching a meal. An order's code comes from its number among all that ever claimed from the meal's pool, so that placing an order
-- writes no row more than before.
ALTER TABLE pools ADD COLUMN issued INTEGER NOT NULL DEFAULT 0 CHECK (issued >= 0);

ALTER TABLE meals ADD COLUMN pickup_windows TEXT NOT NULL DEFAULT '[]';

ALTER TABLE meal_orders ADD COLUMN redeemed_by INTEGER;
ALTER TABLE meal_orders ADD COLUMN pickup_code TEXT;
ALTER TABLE meal_orders ADD COLUMN pickup_window TEXT;

-- A code is looked for among one meal's orders, in the index that walks them.
DROP INDEX meal_orders_meal;
CREATE INDEX meal_orders_meal ON meal_orders (meal_id, order_id, pickup_code);
