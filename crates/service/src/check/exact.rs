//! The statements that list what is wrong. They join and group, so each is run only where the pass has found that there is
//! something to list.

use kernel::{AccountId, MealId, MemberId, OrderId};
use store::{Cells, Error, Row};

use super::{
    BalanceFinding, CapacityFinding, Checks, HoldFinding, LedgerFinding, RunningFinding, StatusFinding, TransferFinding,
};

pub(super) const BALANCE: &str = "SELECT a.account_id, a.owner_kind, a.owner_id, a.currency, a.balance, CAST(COALESCE(SUM(e.amount), 0) AS BIGINT), \
                       a.entry_count, COUNT(e.number), MAX(m.nickname) \
                       FROM accounts AS a LEFT JOIN entries AS e ON e.account_id = a.account_id \
                       LEFT JOIN members AS m ON a.owner_kind = 'member' AND m.member_id = a.owner_id \
                       GROUP BY a.account_id, a.owner_kind, a.owner_id, a.currency, a.balance, a.entry_count \
                       HAVING a.balance <> COALESCE(SUM(e.amount), 0) OR a.entry_count <> COUNT(e.number) \
                       OR a.entry_count <> COALESCE(MAX(e.number), 0)";

pub(super) const RUNNING: &str = "SELECT account_id, number, balance_after, CAST(running AS BIGINT) FROM (\
                       SELECT account_id, number, balance_after, \
                       SUM(amount) OVER (PARTITION BY account_id ORDER BY number) AS running FROM entries) AS sums \
                       WHERE balance_after <> running";

pub(super) const TRANSFERS: &str = "SELECT transfer_id, CAST(SUM(amount) AS BIGINT) FROM entries \
                         GROUP BY transfer_id, account_id % 2 HAVING SUM(amount) <> 0";

pub(super) const POOLS: &str = "SELECT p.pool_id, p.taken, CAST(COALESCE(SUM(h.quantity), 0) AS BIGINT) FROM pools AS p \
                     LEFT JOIN holds AS h ON h.pool_id = p.pool_id AND h.state <> 'released' \
                     GROUP BY p.pool_id, p.taken HAVING p.taken <> COALESCE(SUM(h.quantity), 0)";

pub(super) const HOLDS: &str = "SELECT o.meal_id, o.order_id, COALESCE(h.quantity, 0), \
                     CASE WHEN o.status IN ('canceled', 'refunded') THEN 0 ELSE o.quantity END \
                     FROM meal_orders AS o LEFT JOIN holds AS h \
                     ON h.order_id = o.order_id AND h.pool_id = o.meal_id AND h.state <> 'released' \
                     WHERE COALESCE(h.quantity, 0) <> CASE WHEN o.status IN ('canceled', 'refunded') THEN 0 ELSE o.quantity END \
                     UNION ALL SELECT h.pool_id, h.order_id, h.quantity, CAST(0 AS BIGINT) FROM holds AS h \
                     LEFT JOIN meal_orders AS o ON o.order_id = h.order_id \
                     WHERE h.state <> 'released' AND o.order_id IS NULL \
                     AND NOT EXISTS (SELECT 1 FROM shop_orders AS s WHERE s.order_id = h.order_id) \
                     AND NOT EXISTS (SELECT 1 FROM rounds AS r WHERE r.prize_order_id = h.order_id AND r.product_id = h.pool_id) \
                     UNION ALL SELECT r.product_id, r.prize_order_id, COALESCE(h.quantity, 0), \
                     CASE WHEN r.status IN ('failed', 'drawn') THEN 0 ELSE 1 END FROM rounds AS r LEFT JOIN holds AS h \
                     ON h.order_id = r.prize_order_id AND h.pool_id = r.product_id AND h.state <> 'released' \
                     WHERE COALESCE(h.quantity, 0) <> CASE WHEN r.status IN ('failed', 'drawn') THEN 0 ELSE 1 END \
                     UNION ALL SELECT s.pool_id, s.order_id, COALESCE(h.quantity, 0), s.expected FROM (\
                     SELECT order_id, product_id AS pool_id, status, expires_at, \
                     CASE WHEN status IN ('pending', 'paid', 'completed') \
                     OR (status = 'refunded' AND fulfilment IN ('shipped', 'completed')) THEN quantity ELSE 0 END AS expected \
                     FROM shop_orders WHERE product_id IS NOT NULL \
                     UNION ALL SELECT order_id, round_id AS pool_id, status, expires_at, CASE WHEN status = 'pending' \
                     OR (status IN ('paid', 'completed') AND share_numbers <> '[]') THEN quantity ELSE 0 END AS expected \
                     FROM shop_orders WHERE round_id IS NOT NULL AND kind <> 'prize') AS s LEFT JOIN holds AS h \
                     ON h.order_id = s.order_id AND h.pool_id = s.pool_id AND h.state <> 'released' \
                     WHERE COALESCE(h.quantity, 0) <> s.expected AND NOT (s.status = 'pending' AND s.expires_at <= $1)";

pub(super) const CAPACITY: &str = "SELECT m.meal_id, m.date, m.slot, p.capacity, CAST(SUM(o.quantity) AS BIGINT) FROM meals AS m \
                        JOIN pools AS p ON p.pool_id = m.meal_id JOIN meal_orders AS o ON o.meal_id = m.meal_id \
                        WHERE o.status NOT IN ('canceled', 'refunded') \
                        GROUP BY m.meal_id, m.date, m.slot, p.capacity HAVING SUM(o.quantity) > p.capacity";

pub(super) const STATUS: &str = "SELECT o.order_id, o.status, m.status, m.date FROM meal_orders AS o \
                      JOIN meals AS m ON m.meal_id = o.meal_id \
                      WHERE (o.status = 'active' AND m.status IN ('locked', 'completed', 'canceled')) \
                      OR (o.status = 'locked' AND m.status <> 'locked') \
                      OR (o.status = 'completed' AND m.status = 'canceled') \
                      OR (o.status = 'active' AND m.status = 'published' AND m.date < $1)";

/// Orders of a group order that is not there, or is of another meal. They are few enough to be looked at each time.
pub(super) const PARTS: &str = "SELECT o.order_id, o.status, m.status, m.date FROM meal_orders AS o \
                      JOIN meals AS m ON m.meal_id = o.meal_id \
                      LEFT JOIN group_orders AS g ON g.group_order_id = o.group_order_id \
                      WHERE o.group_order_id IS NOT NULL AND (g.meal_id IS NULL OR g.meal_id <> o.meal_id)";

pub(super) const LEDGER: &str = "SELECT o.order_id, o.member_id, \
                      CASE WHEN o.status IN ('canceled', 'refunded') THEN 0 ELSE o.total_cents END, \
                      CAST(-COALESCE(SUM(e.amount), 0) AS BIGINT) FROM meal_orders AS o \
                      LEFT JOIN entries AS e ON e.account_id = o.payer_account_id AND e.order_id = o.order_id \
                      GROUP BY o.order_id, o.member_id, o.status, o.total_cents \
                      HAVING -COALESCE(SUM(e.amount), 0) <> \
                      CASE WHEN o.status IN ('canceled', 'refunded') THEN 0 ELSE o.total_cents END \
                      UNION ALL SELECT e.order_id, a.owner_id, CAST(0 AS BIGINT), CAST(-SUM(e.amount) AS BIGINT) \
                      FROM entries AS e JOIN accounts AS a ON a.account_id = e.account_id \
                      LEFT JOIN meal_orders AS o ON o.order_id = e.order_id \
                      LEFT JOIN topups AS t ON t.topup_id = e.order_id AND t.member_id = a.owner_id AND a.owner_kind = 'member' \
                      WHERE e.order_id IS NOT NULL AND a.owner_kind NOT IN ('meal', 'product', 'round', 'device') AND NOT (a.owner_kind = 'system' AND a.owner_id = 3) \
                      AND t.topup_id IS NULL \
                      AND NOT EXISTS (SELECT 1 FROM shop_orders AS s WHERE s.order_id = e.order_id AND s.member_id * 2 = e.account_id) \
                      AND NOT EXISTS (SELECT 1 FROM cabinet_orders AS c WHERE c.order_id = e.order_id AND c.member_id * 2 + 1 = e.account_id) \
                      AND NOT EXISTS (SELECT 1 FROM refunds AS r JOIN cabinet_orders AS c ON c.order_id = r.topup_id \
                      WHERE r.topup_id = e.order_id AND r.session_id IS NOT NULL AND c.member_id * 2 = e.account_id) \
                      AND (o.order_id IS NULL OR o.payer_account_id <> e.account_id) \
                      GROUP BY e.order_id, a.owner_id HAVING SUM(e.amount) <> 0 \
                      UNION ALL SELECT t.topup_id, t.member_id, \
                      CASE WHEN t.transaction_id IS NULL THEN 0 ELSE t.amount_cents - t.refunded_cents END, \
                      CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM topups AS t \
                      LEFT JOIN entries AS e ON e.account_id = t.member_id * 2 AND e.order_id = t.topup_id \
                      GROUP BY t.topup_id, t.member_id, t.transaction_id, t.amount_cents, t.refunded_cents \
                      HAVING COALESCE(SUM(e.amount), 0) <> \
                      CASE WHEN t.transaction_id IS NULL THEN 0 ELSE t.amount_cents - t.refunded_cents END \
                      UNION ALL SELECT s.order_id, s.member_id, \
                      CASE WHEN s.status IN ('paid', 'completed') THEN s.total_cents ELSE 0 END, \
                      CAST(-COALESCE(SUM(e.amount), 0) AS BIGINT) FROM shop_orders AS s \
                      LEFT JOIN entries AS e ON e.account_id = s.member_id * 2 AND e.order_id = s.order_id \
                      GROUP BY s.order_id, s.member_id, s.status, s.total_cents HAVING -COALESCE(SUM(e.amount), 0) <> \
                      CASE WHEN s.status IN ('paid', 'completed') THEN s.total_cents ELSE 0 END \
                      UNION ALL SELECT c.order_id, c.member_id, CASE WHEN c.status = 'paid' AND c.pay = 'ticket' THEN c.tickets ELSE 0 END, \
                      CAST(-COALESCE(SUM(e.amount), 0) AS BIGINT) FROM cabinet_orders AS c \
                      LEFT JOIN entries AS e ON e.account_id = c.member_id * 2 + 1 AND e.order_id = c.order_id \
                      GROUP BY c.order_id, c.member_id, c.status, c.pay, c.tickets HAVING -COALESCE(SUM(e.amount), 0) <> \
                      CASE WHEN c.status = 'paid' AND c.pay = 'ticket' THEN c.tickets ELSE 0 END \
                      UNION ALL SELECT c.order_id, c.member_id, CASE WHEN c.status = 'paid' AND c.pay = 'wechat' THEN c.total_cents ELSE 0 END, \
                      CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM cabinet_orders AS c \
                      LEFT JOIN entries AS e ON e.account_id = c.device_id * 2 AND e.order_id = c.order_id \
                      GROUP BY c.order_id, c.member_id, c.status, c.pay, c.total_cents HAVING COALESCE(SUM(e.amount), 0) <> \
                      CASE WHEN c.status = 'paid' AND c.pay = 'wechat' THEN c.total_cents ELSE 0 END \
                      UNION ALL SELECT w.order_id, w.member_id, w.kept_tickets, CAST(COALESCE(p.taken, 0) AS BIGINT) \
                      FROM cabinet_orders AS w LEFT JOIN (SELECT COALESCE(related_order_id, order_id) AS whole_id, \
                      SUM(tickets) AS taken FROM cabinet_orders WHERE status = 'paid' AND pay = 'ticket' \
                      GROUP BY COALESCE(related_order_id, order_id)) AS p ON p.whole_id = w.order_id \
                      WHERE w.order_type <> 'surcharge' AND COALESCE(p.taken, 0) <> w.kept_tickets \
                      UNION ALL SELECT d.session_id, d.member_id, COALESCE(s.total_cents - s.refunded_cents, 0), CAST(COALESCE(p.collected, 0) AS BIGINT) \
                      FROM door_sessions AS d LEFT JOIN score_orders AS s ON s.session_id = d.session_id AND s.status = 'paid' \
                      LEFT JOIN (SELECT session_id, SUM(total_cents) AS collected FROM cabinet_orders \
                      WHERE status = 'paid' AND pay = 'wechat' GROUP BY session_id) AS p ON p.session_id = d.session_id \
                      WHERE COALESCE(p.collected, 0) <> COALESCE(s.total_cents - s.refunded_cents, 0) \
                      UNION ALL SELECT s.session_id, d.member_id, s.refunded_cents, CAST(COALESCE(SUM(r.amount_cents), 0) AS BIGINT) \
                      FROM score_orders AS s JOIN door_sessions AS d ON d.session_id = s.session_id \
                      LEFT JOIN refunds AS r ON r.session_id = s.session_id WHERE s.status = 'paid' \
                      GROUP BY s.session_id, d.member_id, s.refunded_cents HAVING COALESCE(SUM(r.amount_cents), 0) <> s.refunded_cents \
                      UNION ALL SELECT r.topup_id, c.member_id, CASE r.state WHEN 'returned' THEN r.amount_cents ELSE 0 END, \
                      CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM refunds AS r JOIN cabinet_orders AS c ON c.order_id = r.topup_id \
                      LEFT JOIN entries AS e ON e.account_id = c.member_id * 2 AND e.order_id = r.topup_id \
                      WHERE r.session_id IS NOT NULL GROUP BY r.topup_id, c.member_id, r.state, r.amount_cents \
                      HAVING COALESCE(SUM(e.amount), 0) <> CASE r.state WHEN 'returned' THEN r.amount_cents ELSE 0 END";

/// Adds what one row of one of the statements above says.
pub(super) fn add(checks: &mut Checks, statement: &str, row: Row) -> Result<(), Error> {
    let mut cells = row.cells();
    match statement {
        BALANCE => checks.balance.add(balance(&mut cells)?),
        RUNNING => checks.running.add(RunningFinding {
            account_id: cells.int()?,
            number: cells.int()?,
            recorded_balance_after: cells.int()?,
            calculated_balance_after: cells.int()?,
        }),
        TRANSFERS => checks.transfers.add(TransferFinding { transfer_id: cells.int()?, sum: cells.int()? }),
        POOLS => checks.holds.add(HoldFinding {
            pool_id: cells.int()?,
            order_id: None,
            recorded: cells.int()?,
            calculated: cells.int()?,
        }),
        HOLDS => checks.holds.add(HoldFinding {
            pool_id: cells.int()?,
            order_id: Some(OrderId::new(cells.int()?)),
            recorded: cells.int()?,
            calculated: cells.int()?,
        }),
        CAPACITY => checks.capacity.add(capacity(&mut cells)?),
        STATUS => checks.order_status.add(status(&mut cells)?),
        PARTS => {
            let found = status(&mut cells)?;
            checks.order_status.add(StatusFinding { inconsistency_type: "GROUP_ORDER_OF_OTHER_MEAL", ..found });
        }
        _ => checks.ledger.add(LedgerFinding {
            order_id: OrderId::new(cells.int()?),
            user_id: MemberId::new(cells.int()?),
            expected_cents: cells.int()?,
            posted_cents: cells.int()?,
        }),
    }
    Ok(())
}

fn balance(cells: &mut Cells) -> Result<BalanceFinding, Error> {
    let account_id = AccountId::new(cells.int()?);
    let (owner_kind, owner_id, currency) = (cells.text()?, cells.int()?, cells.text()?);
    let (recorded_balance, calculated_balance) = (cells.int()?, cells.int()?);
    let difference = recorded_balance.saturating_sub(calculated_balance);
    let (recorded_entries, counted_entries) = (cells.int()?, cells.int()?);
    let user_id = (owner_kind == "member").then(|| MemberId::new(owner_id));
    Ok(BalanceFinding {
        account_id,
        user_id,
        nickname: cells.opt_text()?,
        owner_kind,
        owner_id,
        currency,
        recorded_balance,
        calculated_balance,
        difference,
        recorded_entries,
        counted_entries,
    })
}

fn capacity(cells: &mut Cells) -> Result<CapacityFinding, Error> {
    let (meal_id, date, slot) = (MealId::new(cells.int()?), cells.text()?, cells.parse("slot")?);
    let (max_capacity, ordered_quantity) = (cells.int()?, cells.int()?);
    let available_capacity = max_capacity - ordered_quantity;
    Ok(CapacityFinding { meal_id, date, slot, max_capacity, ordered_quantity, available_capacity })
}

fn status(cells: &mut Cells) -> Result<StatusFinding, Error> {
    let order_id = OrderId::new(cells.int()?);
    let (order_status, meal_status, meal_date) = (cells.text()?, cells.text()?, cells.text()?);
    let inconsistency_type = match (order_status.as_str(), meal_status.as_str()) {
        ("active", "canceled") => "MEAL_CANCELED_ORDER_ACTIVE",
        ("active", "completed") => "MEAL_COMPLETED_ORDER_ACTIVE",
        ("active", "published") => "EXPIRED_ORDER",
        ("active", _) => "MEAL_LOCKED_ORDER_ACTIVE",
        ("completed", _) => "MEAL_CANCELED_ORDER_COMPLETED",
        _ => "ORDER_LOCKED_MEAL_NOT_LOCKED",
    };
    Ok(StatusFinding { order_id, order_status, meal_status, meal_date, inconsistency_type })
}
