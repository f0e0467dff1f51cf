//! One pass over the books.
//!
//! Accounts and entries come in the same order and are compared as they pass. What would need the rows of one transfer or order
//! together is proved by a weighted sum instead: every amount is multiplied by a number that is made from its transfer (or order)
//! and a secret of this run, and all products are added up. Where every transfer sums to zero, so does the whole; where one does
//! not, the chance that the whole still does is one in 2⁶⁴, and nobody can aim for it without the secret.

use std::collections::HashMap;

use store::{Error, Row};

use super::{ShareFinding, StockFinding, exact};

/// Takings and what WeChat holds are the other side of orders. What pay score collects has no member's side, and is looked at on the cabinet's.
const ACCOUNTS: &str = "SELECT account_id, CASE WHEN owner_kind IN ('meal', 'product', 'round') OR owner_kind = 'device' AND currency = 'TICKET' \
                        OR owner_kind = 'system' AND owner_id = 3 THEN 1 ELSE 0 END, balance, entry_count FROM accounts ORDER BY account_id";
const ENTRIES: &str = "SELECT account_id, number, transfer_id, order_id, amount, balance_after \
                       FROM entries ORDER BY account_id, number";
const POOLS: &str = "SELECT pool_id, capacity, taken FROM pools";
const MEALS: &str = "SELECT meal_id, status, date FROM meals";
const ORDERS: &str = "SELECT order_id, meal_id, quantity, total_cents, status FROM meal_orders";
const HOLDS: &str = "SELECT order_id, pool_id, quantity, state, expires_at FROM holds";
const MOVEMENTS: &str = "SELECT p.product_id, COALESCE(m.delta, 0) FROM products AS p \
                         LEFT JOIN stock_movements AS m ON m.product_id = p.product_id";
const ROUNDS: &str = "SELECT round_id, product_id, prize_order_id, status, next_number, free_numbers FROM rounds";
const SHOP_ORDERS: &str = "SELECT order_id, product_id, round_id, kind, quantity, total_cents, share_numbers, status, \
                           fulfilment, expires_at FROM shop_orders";

const TOPUPS: &str =
    "SELECT topup_id, CASE WHEN transaction_id IS NULL THEN 0 ELSE amount_cents - refunded_cents END FROM topups";

const CABINET_ORDERS: &str = "SELECT order_id, COALESCE(related_order_id, order_id), CASE WHEN status = 'paid' AND pay = 'ticket' THEN tickets ELSE 0 END, \
                              kept_tickets, CASE WHEN status = 'paid' AND pay = 'wechat' THEN total_cents ELSE 0 END, session_id FROM cabinet_orders";
const COLLECTED: &str = "SELECT session_id, total_cents, refunded_cents FROM score_orders WHERE status = 'paid'";
/// Of what pay score collected. What does not reach the payer comes into the wallet.
const REFUNDS: &str = "SELECT session_id, topup_id, amount_cents, CASE state WHEN 'returned' THEN amount_cents ELSE 0 END \
                       FROM refunds WHERE session_id IS NOT NULL";

pub(super) const STATEMENTS: [&str; 13] = [
    ACCOUNTS,
    ENTRIES,
    POOLS,
    MEALS,
    ORDERS,
    TOPUPS,
    HOLDS,
    MOVEMENTS,
    ROUNDS,
    SHOP_ORDERS,
    CABINET_ORDERS,
    COLLECTED,
    REFUNDS,
];

/// 40 bytes an account, and as little a meal; nothing an order or an entry.
pub(super) struct Pass {
    weights: Weights,
    yesterday: String,
    /// An unpaid order whose deadline is before this may have lost what it holds by the time its row is read.
    lapsing_ms: i64,
    accounts: Vec<Account>,
    /// The account whose entries are passing.
    at: usize,
    balances_hold: bool,
    running_holds: bool,
    statuses_hold: bool,
    transfers: Sum,
    ledger: Sum,
    holds: Sum,
    pools: HashMap<i64, Pool>,
    meals: HashMap<i64, Meal>,
    stock: HashMap<i64, i64>,
    rounds: HashMap<i64, Round>,
}

/// Its shares' numbers, those given and those free, against all from 1 on.
#[derive(Default)]
struct Round {
    numbers: Sum,
    /// How many should be given, where it has not failed.
    expected: i64,
    given: i64,
    is_sold_out: bool,
}

struct Account {
    id: i64,
    is_other_side: bool,
    balance: i64,
    entries: i64,
    /// What has passed so far.
    sum: i64,
    count: i64,
}

#[derive(Default)]
struct Pool {
    capacity: i64,
    taken: i64,
    held: i64,
    ordered: i64,
}

struct Meal {
    status: String,
    is_past: bool,
}

#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, weight: u64, amount: i64) {
        self.0 = self.0.wrapping_add(weight.wrapping_mul(amount.cast_unsigned()));
    }

    fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

struct Weights(u64);

impl Weights {
    /// Odd, so that no amount but zero vanishes.
    fn of(&self, first: i64, second: i64) -> u64 {
        mix(mix(self.0 ^ first.cast_unsigned()) ^ second.cast_unsigned()) | 1
    }
}

/// The finaliser of SplitMix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Pass {
    pub(super) fn new(seed: u64, yesterday: String, lapsing_ms: i64) -> Self {
        Self {
            weights: Weights(seed),
            yesterday,
            lapsing_ms,
            accounts: Vec::new(),
            at: 0,
            balances_hold: true,
            running_holds: true,
            statuses_hold: true,
            transfers: Sum::default(),
            ledger: Sum::default(),
            holds: Sum::default(),
            pools: HashMap::new(),
            meals: HashMap::new(),
            stock: HashMap::new(),
            rounds: HashMap::new(),
        }
    }

    pub(super) fn take(&mut self, statement: usize, row: Row) -> Result<(), Error> {
        match STATEMENTS[statement] {
            ACCOUNTS => self.account(row),
            ENTRIES => self.entry(row),
            POOLS => self.pool(row),
            MEALS => self.meal(row),
            ORDERS => self.order(row),
            TOPUPS => self.topup(row),
            HOLDS => self.hold(row),
            MOVEMENTS => self.movement(row),
            ROUNDS => self.round(row),
            SHOP_ORDERS => self.shop_order(row),
            CABINET_ORDERS => self.cabinet_order(row),
            COLLECTED => self.collected(row),
            _ => self.refund(row),
        }
    }

    /// The statements that have something to list.
    pub(super) fn suspects(&self) -> Vec<&'static str> {
        let balances = self.balances_hold
            && self.accounts.iter().all(|account| account.balance == account.sum && account.entries == account.count);
        let pools = self.pools.values().all(|pool| pool.taken == pool.held);
        let capacity = self.pools.values().all(|pool| pool.ordered <= pool.capacity);
        let verdicts = [
            (balances, exact::BALANCE),
            (self.running_holds, exact::RUNNING),
            (self.transfers.is_zero(), exact::TRANSFERS),
            (pools, exact::POOLS),
            (self.holds.is_zero(), exact::HOLDS),
            (capacity, exact::CAPACITY),
            (self.statuses_hold, exact::STATUS),
            (self.ledger.is_zero(), exact::LEDGER),
        ];
        verdicts.into_iter().filter(|(holds, _)| !holds).map(|(_, statement)| statement).collect()
    }

    fn account(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        self.accounts.push(Account {
            id: cells.int()?,
            is_other_side: cells.int()? == 1,
            balance: cells.int()?,
            entries: cells.int()?,
            sum: 0,
            count: 0,
        });
        Ok(())
    }

    fn entry(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (id, number, transfer, order) = (cells.int()?, cells.int()?, cells.int()?, cells.opt_int()?);
        let (amount, balance_after) = (cells.int()?, cells.int()?);
        while self.accounts.get(self.at).is_some_and(|account| account.id < id) {
            self.at += 1;
        }
        let Some(account) = self.accounts.get_mut(self.at).filter(|account| account.id == id) else {
            return Err(Error::inconsistent(format!("entry {number} belongs to account {id}, which does not exist")));
        };
        account.sum = account.sum.wrapping_add(amount);
        account.count += 1;
        self.running_holds &= account.sum == balance_after;
        self.balances_hold &= account.count == number;
        self.transfers.add(self.weights.of(transfer, id % 2), amount);
        if let Some(order) = order.filter(|_| !account.is_other_side) {
            self.ledger.add(self.weights.of(order, 0), amount);
        }
        Ok(())
    }

    fn pool(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let pool = self.pools.entry(cells.int()?).or_default();
        (pool.capacity, pool.taken) = (cells.int()?, cells.int()?);
        Ok(())
    }

    fn meal(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (id, status) = (cells.int()?, cells.text()?);
        let is_past = cells.text()? < self.yesterday;
        self.meals.insert(id, Meal { status, is_past });
        Ok(())
    }

    fn order(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (id, meal_id, quantity) = (cells.int()?, cells.int()?, cells.int()?);
        let (total, status) = (cells.int()?, cells.text()?);
        let Some(meal) = self.meals.get(&meal_id) else {
            return Err(Error::inconsistent(format!("order {id} is for meal {meal_id}, which does not exist")));
        };
        self.statuses_hold &= match (status.as_str(), meal.status.as_str()) {
            ("active", "published") => !meal.is_past,
            ("active", other) => !matches!(other, "locked" | "completed" | "canceled"),
            ("locked", other) => other == "locked",
            ("completed", other) => other != "canceled",
            _ => true,
        };
        if status != "canceled" && status != "refunded" {
            self.ledger.add(self.weights.of(id, 0), total);
            self.holds.add(self.weights.of(id, meal_id), quantity);
            self.pools.entry(meal_id).or_default().ordered += quantity;
        }
        Ok(())
    }

    fn topup(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (id, credited) = (cells.int()?, cells.int()?);
        self.ledger.add(self.weights.of(id, 0), -credited);
        Ok(())
    }

    fn hold(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (order, pool, quantity) = (cells.int()?, cells.int()?, cells.int()?);
        if cells.text()? != "released" {
            if cells.opt_int()?.is_none_or(|expires_ms| expires_ms > self.lapsing_ms) {
                self.holds.add(self.weights.of(order, pool), -quantity);
            }
            self.pools.entry(pool).or_default().held += quantity;
        }
        Ok(())
    }

    fn movement(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (product, delta) = (cells.int()?, cells.int()?);
        *self.stock.entry(product).or_default() += delta;
        Ok(())
    }

    fn round(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (id, product, prize, status) = (cells.int()?, cells.int()?, cells.int()?, cells.text()?);
        let (next, free): (i64, Vec<i64>) = (cells.int()?, cells.json("free numbers")?);
        let round = self.rounds.entry(id).or_default();
        if status != "failed" {
            (1..next).for_each(|number| round.numbers.add(self.weights.of(id, number), -1));
            free.iter().for_each(|&number| round.numbers.add(self.weights.of(id, number), 1));
            round.expected = next - 1 - i64::try_from(free.len()).unwrap_or(i64::MAX);
        }
        round.is_sold_out = matches!(status.as_str(), "sold_out" | "drawn");
        if matches!(status.as_str(), "open" | "sold_out") {
            self.holds.add(self.weights.of(prize, product), 1);
        }
        Ok(())
    }

    fn shop_order(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (id, product, round, kind) = (cells.int()?, cells.opt_int()?, cells.opt_int()?, cells.text()?);
        let (quantity, total) = (cells.int()?, cells.int()?);
        let (numbers, status): (Vec<i64>, _) = (cells.json("share numbers")?, cells.text()?);
        let (fulfilment, expires_ms) = (cells.opt_text()?, cells.opt_int()?);
        let is_paid = matches!(status.as_str(), "paid" | "completed");
        let is_unpaid = expires_ms.is_some_and(|expires_ms| expires_ms > self.lapsing_ms);
        let is_gone = status == "refunded" && matches!(fulfilment.as_deref(), Some("shipped" | "completed"));
        if let Some(product) = product.filter(|_| is_paid || is_unpaid || is_gone) {
            self.holds.add(self.weights.of(id, product), quantity);
        }
        if let Some(round) = round.filter(|_| kind != "prize" && (is_paid && !numbers.is_empty() || is_unpaid)) {
            self.holds.add(self.weights.of(id, round), quantity);
        }
        if is_paid {
            self.ledger.add(self.weights.of(id, 0), total);
        }
        if let Some(round_id) = round {
            let round = self.rounds.entry(round_id).or_default();
            numbers.iter().for_each(|&number| round.numbers.add(self.weights.of(round_id, number), 1));
            round.given += i64::try_from(numbers.len()).unwrap_or(i64::MAX);
        }
        Ok(())
    }

    fn cabinet_order(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (id, whole, taken, kept) = (cells.int()?, cells.int()?, cells.int()?, cells.int()?);
        let (collected, session) = (cells.int()?, cells.int()?);
        self.ledger.add(self.weights.of(id, 0), taken - collected);
        self.ledger.add(self.weights.of(whole, 1), taken - kept);
        self.ledger.add(self.weights.of(session, 2), collected);
        Ok(())
    }

    fn collected(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (session, total, refunded) = (cells.int()?, cells.int()?, cells.int()?);
        self.ledger.add(self.weights.of(session, 2), refunded - total);
        self.ledger.add(self.weights.of(session, 3), refunded);
        Ok(())
    }

    fn refund(&mut self, row: Row) -> Result<(), Error> {
        let mut cells = row.cells();
        let (session, order, amount, returned) = (cells.int()?, cells.int()?, cells.int()?, cells.int()?);
        self.ledger.add(self.weights.of(session, 3), -amount);
        self.ledger.add(self.weights.of(order, 0), -returned);
        Ok(())
    }

    /// Products whose movements do not add up to their stock.
    pub(super) fn stock(&self) -> impl Iterator<Item = StockFinding> {
        self.stock.iter().filter_map(|(&product, &calculated)| {
            let recorded = self.pools.get(&product).map_or(0, |pool| pool.capacity);
            (recorded != calculated).then_some(StockFinding { product_id: product, recorded, calculated })
        })
    }

    /// Rounds whose shares are not those that were paid for.
    pub(super) fn shares(&self) -> impl Iterator<Item = ShareFinding> {
        self.rounds.iter().filter_map(|(&round_id, round)| {
            let capacity = self.pools.get(&round_id).map_or(0, |pool| pool.capacity);
            let holds = round.numbers.is_zero() && round.expected == round.given;
            let sold_out = (round.given == capacity) == round.is_sold_out;
            let (recorded, calculated) = (round.expected, round.given);
            (!holds || !sold_out).then_some(ShareFinding { round_id, shares: capacity, recorded, calculated })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_vanishes_only_where_every_part_does() {
        let weights = Weights(7);
        let sum = |amounts: &[(i64, i64)]| {
            let mut sum = Sum::default();
            amounts.iter().for_each(|&(transfer, amount)| sum.add(weights.of(transfer, 0), amount));
            sum.is_zero()
        };
        assert!(sum(&[(1, 500), (2, -30), (1, -500), (2, 30)]));
        assert!(!sum(&[(1, 500), (2, -30), (1, -530), (2, 60)]), "two wrongs make no right");
        assert!(!sum(&[(1, i64::MIN)]));
    }
}
