-- Staff look for orders that departments paid, which may lie far apart. An order that its member pays writes nothing into this when it is
-- placed. There is none by status: the lanes' look-ups of an ended order would take it instead of the member's own index.
CREATE INDEX meal_orders_paid_for ON meal_orders (order_id) WHERE payer_account_id / 2 <> member_id;
