//! Everything that a batch needs to see, read at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use kernel::{
    AccountId, AccountName, Cents, Date, DepartmentCode, DepartmentId, Exception, ExceptionKind, Facts, Grants, Hold,
    Holdings, Instant, LedgerSum, Lookup, MealId, MealOrder, MemberId, Needs, OpenEnd, OrderId, PoolId, Report,
    ReportKind, RoleCode, SubscriptionId, SubscriptionRun, Table, Traces,
};

use super::statements::{
    ACCOUNTS, CANCELED_ORDERS, COMPLETED_HOLDS, COMPLETED_ORDERS, DEPARTMENT_BY_CODE, DEPARTMENTS,
    DISMISSED_EXCEPTIONS, ERASURES, EXCEPTIONS, GROUP_ORDERS, HOLDERS, HOLDERS_ANYWHERE, HOLDINGS, HOLDS, JOB_RUNS,
    JOBS, LAPSED_HOLDS, LEDGERS, MEAL_AT, MEALS, MEMBER_BY_ACCOUNT, MEMBER_BY_OPENID, MEMBERS, OPEN_EXCEPTION,
    OPEN_HOLDS, OPEN_ORDERS, ORDER_SUMS, ORDERS, PAYMENTS, POOL_HOLDS, POOLS, REFUNDS, REPORTS, ROLES, SECOND_FACTORS,
    SESSIONS, SIGN_IN_TICKETS, STANDING_ORDERS, SUBSCRIPTION_RUNS, SUBSCRIPTIONS, TOPUP_BY_TRANSACTION, TOPUPS,
};
use super::{alerts, cabinet, erp, shop};
use crate::rows::FromRow;
use crate::{Batch, Cells, Error, Row, SetStatement, Value, Writer};

/// Reads what `needs` names into `facts`. Pools are locked first, in key order, and everything else is read under that lock.
/// Accounts are read (and locked) by a call of their own, the last one.
///
/// # Errors
/// What the database says, and rows that contradict our rules.
pub async fn load(writer: &mut Writer, needs: &Needs, now: Instant, facts: &mut Facts) -> Result<(), Error> {
    let mut plan = Plan::default();

    let meals = &needs.meals;
    let room: BTreeSet<PoolId> = meals.iter().map(|&meal| meal.into()).chain(needs.room.iter().copied()).collect();
    let keys = room.union(&needs.pools).copied().collect::<Vec<_>>().into_iter();
    plan.rows(&POOLS, |facts| &mut facts.pools, keys, |id| [id.get().into()], |pool| pool.id);
    let lapsed = room.iter().map(|id| [id.get().into(), now.as_millis().into()]);
    plan.ask(Batch::of(&LAPSED_HOLDS, lapsed), move |facts, rows| load_lapsed(facts, rows, room));
    plan.rows(&MEALS, |facts| &mut facts.meals, meals.iter().copied(), |id| [id.get().into()], |meal| meal.id);

    let keys = needs.members.iter().copied();
    plan.rows(&MEMBERS, |facts| &mut facts.members, keys, |id| [id.get().into()], |member| member.id);
    let keys = needs.departments.iter().copied();
    plan.rows(&DEPARTMENTS, |facts| &mut facts.departments, keys, |id| [id.get().into()], |department| department.id);
    let keys = needs.sessions.iter().copied();
    plan.rows(
        &SESSIONS,
        |facts| &mut facts.sessions,
        keys,
        |hash| [hash.to_vec().into()],
        |session| session.token_hash,
    );
    let (keys, hash) = (needs.tickets.iter().copied(), |hash: [u8; 32]| [hash.to_vec().into()]);
    plan.rows(&SIGN_IN_TICKETS, |facts| &mut facts.tickets, keys, hash, |ticket| ticket.token_hash);
    let keys = needs.second_factors.iter().copied();
    plan.rows(&SECOND_FACTORS, |facts| &mut facts.second_factors, keys, |id| [id.get().into()], |factor| factor.member);
    let keys = needs.erasures.iter().copied();
    plan.rows(&ERASURES, |facts| &mut facts.erasures, keys, |id| [id.get().into()], |erasure| erasure.member);
    let keys = needs.orders.iter().copied();
    plan.rows(&ORDERS, |facts| &mut facts.orders, keys, |id| [id.get().into()], |order| order.id);
    let keys = needs.group_orders.iter().copied();
    plan.rows(&GROUP_ORDERS, |facts| &mut facts.group_orders, keys, |id| [id.get().into()], |group| group.id);
    let (keys, pair) =
        (needs.holds.iter().copied(), |(order, pool): (OrderId, PoolId)| [order.get().into(), pool.get().into()]);
    plan.rows(&HOLDS, |facts| &mut facts.holds, keys, pair, |hold: &Hold| (hold.order, hold.pool));

    let keys = needs.subscriptions.iter().copied();
    let id = |id: SubscriptionId| [id.get().into()];
    plan.rows(&SUBSCRIPTIONS, |facts| &mut facts.subscriptions, keys, id, |subscription| subscription.id);
    let (keys, pair) = (needs.subscription_runs.iter().copied(), |(subscription, meal): (SubscriptionId, MealId)| {
        [subscription.get().into(), meal.get().into()]
    });
    let key = |run: &SubscriptionRun| (run.subscription, run.meal);
    plan.rows(&SUBSCRIPTION_RUNS, |facts| &mut facts.subscription_runs, keys, pair, key);

    let keys = needs.reports.iter().copied();
    let pair = |(kind, date): (ReportKind, Date)| [kind.as_str().into(), date.to_string().into()];
    plan.rows(&REPORTS, |facts| &mut facts.reports, keys, pair, |report: &Report| (report.kind, report.date));

    let keys = needs.jobs.iter().cloned();
    plan.rows(&JOBS, |facts| &mut facts.jobs, keys, |name| [name.into()], |job| job.name.clone());
    let keys = needs.job_runs.iter().copied();
    plan.rows(&JOB_RUNS, |facts| &mut facts.job_runs, keys, |id| [id.get().into()], |run| run.id);

    let keys = needs.topups.iter().copied();
    plan.rows(&TOPUPS, |facts| &mut facts.topups, keys, |id| [id.get().into()], |topup| topup.id);
    let keys = needs.payments.iter().copied();
    plan.rows(&PAYMENTS, |facts| &mut facts.payments, keys, |id| [id.get().into()], |payment| payment.id);
    let keys = needs.refunds.iter().copied();
    plan.rows(&REFUNDS, |facts| &mut facts.refunds, keys, |id| [id.get().into()], |refund| refund.id);
    let keys = needs.exceptions.iter().copied();
    plan.rows(&EXCEPTIONS, |facts| &mut facts.exceptions, keys, |id| [id.into()], |exception| exception.id);
    let (key, topup) = (|key: &String| [key.clone().into()], |cells: &mut Cells| cells.int().map(OrderId::new));
    let keys = &needs.transactions;
    plan.look_up(&TOPUP_BY_TRANSACTION, keys, key, Cells::text, topup, |facts| &mut facts.topup_by_transaction);
    let key = |(kind, subject): &(ExceptionKind, String)| [kind.as_str().into(), subject.clone().into()];
    let found = |cells: &mut Cells| Ok((cells.parse("kind of an exception")?, cells.text()?));
    let keys = &needs.open_exceptions;
    plan.look_up(&OPEN_EXCEPTION, keys, key, found, Cells::int, |facts| &mut facts.open_exception);
    let keys = &needs.dismissed_exceptions;
    plan.ask(Batch::of(&DISMISSED_EXCEPTIONS, keys.iter().map(key)), move |facts, rows| {
        load_dismissed(facts, rows, keys)
    });

    let member = |cells: &mut Cells| cells.int().map(MemberId::new);
    let key = |index: &[u8; 32]| [index.to_vec().into()];
    let index = |cells: &mut Cells| {
        cells.blob()?.try_into().map_err(|_| Error::inconsistent("the index of an openid has 32 bytes"))
    };
    plan.look_up(&MEMBER_BY_OPENID, &needs.openids, key, index, member, |facts| &mut facts.member_by_openid);
    let key = |key: &AccountName| [key.as_str().to_owned().into()];
    let name = |cells: &mut Cells| typed(cells.text()?);
    plan.look_up(&MEMBER_BY_ACCOUNT, &needs.account_names, key, name, member, |facts| &mut facts.member_by_account);
    let key = |key: &DepartmentCode| [key.as_str().to_owned().into()];
    let (code, department) =
        (|cells: &mut Cells| typed(cells.text()?), |cells: &mut Cells| cells.int().map(DepartmentId::new));
    let codes = &needs.department_codes;
    plan.look_up(&DEPARTMENT_BY_CODE, codes, key, code, department, |facts| &mut facts.department_by_code);
    let key = |(date, slot): &(Date, kernel::Slot)| [date.to_string().into(), slot.as_str().into()];
    let date = |cells: &mut Cells| Ok((cells.parse("date")?, cells.parse("slot")?));
    let meal = |cells: &mut Cells| cells.int().map(MealId::new);
    plan.look_up(&MEAL_AT, &needs.meals_at, key, date, meal, |facts| &mut facts.meal_at);
    let key = |(meal, member): &(MealId, MemberId)| [meal.get().into(), member.get().into()];
    let pair = |cells: &mut Cells| Ok((MealId::new(cells.int()?), MemberId::new(cells.int()?)));
    let order = |cells: &mut Cells| cells.int().map(OrderId::new);
    plan.look_up(&STANDING_ORDERS, &needs.standing_orders, key, pair, order, |facts| &mut facts.standing_order);

    plan.look_up(&CANCELED_ORDERS, &needs.canceled_orders, key, pair, order, |facts| &mut facts.canceled_order);

    let of_meals = |statement, meals: &BTreeSet<MealId>| Batch::of(statement, meals.iter().map(|id| [id.get().into()]));
    let meals = &needs.open_orders;
    plan.ask(of_meals(&OPEN_ORDERS, meals), move |facts, rows| {
        load_orders(facts, rows, meals, |facts| &mut facts.open_orders)
    });
    plan.ask(of_meals(&OPEN_HOLDS, meals), move |facts, rows| {
        load_holds(facts, rows, meals, |facts| &facts.open_orders)
    });
    let meals = &needs.completed_orders;
    plan.ask(of_meals(&COMPLETED_ORDERS, meals), move |facts, rows| {
        load_orders(facts, rows, meals, |facts| &mut facts.completed_orders)
    });
    plan.ask(of_meals(&COMPLETED_HOLDS, meals), move |facts, rows| {
        load_holds(facts, rows, meals, |facts| &facts.completed_orders)
    });
    let pools = &needs.pool_holds;
    plan.ask(Batch::of(&POOL_HOLDS, pools.iter().map(|id| [id.get().into()])), move |facts, rows| {
        load_pool_holds(facts, rows, pools)
    });

    shop::plan(&mut plan, &needs.shop);
    cabinet::plan(&mut plan, &needs.cabinet);
    erp::plan(&mut plan, &needs.erp);
    alerts::plan(&mut plan, &needs.alerts);

    let keys = needs.accounts.iter().copied();
    plan.rows(&ACCOUNTS, |facts| &mut facts.accounts, keys, |id| [id.get().into()], |account| account.id);
    let keys = needs.roles.iter().copied();
    plan.rows(&ROLES, |facts| &mut facts.roles, keys, |code| [String::from(code).into()], |role| role.code);
    // Under the locks just taken, so that nobody adds an entry in between.
    let ledgers = needs.ledgers.iter().map(|id: &AccountId| [id.get().into()]);
    plan.ask(Batch::of(&LEDGERS, ledgers), load_ledgers);
    let accounts = &needs.order_sums;
    let asked = accounts.iter().map(|id| [id.get().into()]);
    plan.ask(Batch::of(&ORDER_SUMS, asked), move |facts, rows| load_order_sums(facts, rows, accounts));
    let members = &needs.holdings;
    let asked = members.iter().map(|id| [id.get().into()]);
    plan.ask(Batch::of(&HOLDINGS, asked), move |facts, rows| load_holdings(facts, rows, members));
    let roles = &needs.holders_of;
    let asked = roles.iter().map(|role| [role.as_str().into()]);
    plan.ask(Batch::of(&HOLDERS, asked), move |facts, rows| {
        load_holders(rows, roles, &mut facts.holders, Grants::hold_everywhere)
    });
    let roles = &needs.holders_anywhere_of;
    let asked = roles.iter().map(|role| [role.as_str().into()]);
    plan.ask(Batch::of(&HOLDERS_ANYWHERE, asked), move |facts, rows| {
        load_holders(rows, roles, &mut facts.holders_anywhere, Grants::hold)
    });
    shop::plan_under_accounts(&mut plan, &needs.shop);
    cabinet::plan_under_accounts(&mut plan, &needs.cabinet);
    plan.run(writer, facts).await
}

pub(super) fn typed<T: TryFrom<String>>(text: String) -> Result<T, Error> {
    T::try_from(text).map_err(|_| Error::inconsistent("a natural key fits no type"))
}

type Take<'a> = Box<dyn FnOnce(&mut Facts, Vec<Row>) -> Result<(), Error> + Send + 'a>;

/// Statements in the order they have to run, each with what to do with its rows.
#[derive(Default)]
pub(super) struct Plan<'a> {
    asks: Vec<Batch<'a>>,
    takes: Vec<Take<'a>>,
}

impl<'a> Plan<'a> {
    pub(super) fn ask(
        &mut self,
        batch: Batch<'a>,
        take: impl FnOnce(&mut Facts, Vec<Row>) -> Result<(), Error> + Send + 'a,
    ) {
        if !batch.is_empty() {
            self.asks.push(batch);
            self.takes.push(Box::new(take));
        }
    }

    /// Rows by key. Every key asked for becomes known: with its row, or as absent.
    pub(super) fn rows<K, R, const N: usize>(
        &mut self,
        statement: &'static SetStatement,
        table: fn(&mut Facts) -> &mut Table<K, R>,
        keys: impl Iterator<Item = K> + Clone + Send + 'a,
        parameters: fn(K) -> [Value<'a>; N],
        key_of: fn(&R) -> K,
    ) where
        K: Ord + Hash + std::fmt::Debug + 'a,
        R: FromRow + 'a,
    {
        self.ask(Batch::of(statement, keys.clone().map(parameters)), move |facts, rows| {
            for row in rows {
                let (row, version) = R::versioned(row)?;
                table(facts).load(key_of(&row), Some((row, version)));
            }
            keys.for_each(|key| table(facts).load(key, None));
            Ok(())
        });
    }

    /// What stands under natural keys. Every key asked for becomes known.
    pub(super) fn look_up<K, V, const N: usize>(
        &mut self,
        statement: &'static SetStatement,
        keys: &'a BTreeSet<K>,
        parameters: fn(&K) -> [Value<'a>; N],
        key: fn(&mut Cells) -> Result<K, Error>,
        value: fn(&mut Cells) -> Result<V, Error>,
        lookup: fn(&mut Facts) -> &mut Lookup<K, V>,
    ) where
        K: Clone + Eq + Hash + std::fmt::Debug + Send + Sync + 'a,
        V: Copy + 'a,
    {
        self.ask(Batch::of(statement, keys.iter().map(parameters)), move |facts, rows| {
            let found = rows.into_iter().map(|row| {
                let mut cells = row.cells();
                Ok((key(&mut cells)?, value(&mut cells)?))
            });
            let found: HashMap<K, V> = found.collect::<Result<_, Error>>()?;
            keys.iter().for_each(|key| lookup(facts).load(key.clone(), found.get(key).copied()));
            Ok(())
        });
    }

    async fn run(self, writer: &mut Writer, facts: &mut Facts) -> Result<(), Error> {
        let answers = writer.select(&self.asks).await?;
        answers.into_iter().zip(self.takes).try_for_each(|(rows, take)| take(facts, rows))
    }
}

fn load_lapsed(facts: &mut Facts, rows: Vec<Row>, pools: BTreeSet<PoolId>) -> Result<(), Error> {
    let mut by_pool: BTreeMap<PoolId, Vec<OrderId>> = BTreeMap::new();
    for row in rows {
        let (hold, version) = Hold::versioned(row)?;
        by_pool.entry(hold.pool).or_default().push(hold.order);
        facts.holds.load((hold.order, hold.pool), Some((hold, version)));
    }
    for pool in pools {
        facts.lapsed_holds.load(pool, by_pool.remove(&pool));
    }
    Ok(())
}

fn load_orders(
    facts: &mut Facts,
    rows: Vec<Row>,
    meals: &BTreeSet<MealId>,
    lookup: fn(&mut Facts) -> &mut Lookup<MealId, BTreeSet<OrderId>>,
) -> Result<(), Error> {
    let mut by_meal: BTreeMap<MealId, BTreeSet<OrderId>> = BTreeMap::new();
    for row in rows {
        let (order, version) = MealOrder::versioned(row)?;
        by_meal.entry(order.meal).or_default().insert(order.id);
        facts.orders.load(order.id, Some((order, version)));
    }
    for &meal in meals {
        lookup(facts).load(meal, Some(by_meal.remove(&meal).unwrap_or_default()));
    }
    Ok(())
}

/// The holds of the orders that have just been loaded. One that should be there and is not becomes known as absent.
fn load_holds(
    facts: &mut Facts,
    rows: Vec<Row>,
    meals: &BTreeSet<MealId>,
    lookup: fn(&Facts) -> &Lookup<MealId, BTreeSet<OrderId>>,
) -> Result<(), Error> {
    for row in rows {
        let (hold, version) = Hold::versioned(row)?;
        facts.holds.load((hold.order, hold.pool), Some((hold, version)));
    }
    for &meal in meals {
        for order in lookup(facts).get(&meal).cloned().unwrap_or_default() {
            facts.holds.load((order, meal.into()), None);
        }
    }
    Ok(())
}

fn load_dismissed(facts: &mut Facts, rows: Vec<Row>, keys: &BTreeSet<(ExceptionKind, String)>) -> Result<(), Error> {
    let mut dismissed: BTreeMap<(ExceptionKind, String), BTreeSet<i64>> = BTreeMap::new();
    for row in rows {
        let (exception, version) = Exception::versioned(row)?;
        dismissed.entry((exception.kind, exception.subject.clone())).or_default().insert(exception.id);
        facts.exceptions.load(exception.id, Some((exception, version)));
    }
    for key in keys {
        facts.dismissed_exceptions.load(key.clone(), Some(dismissed.remove(key).unwrap_or_default()));
    }
    Ok(())
}

fn load_pool_holds(facts: &mut Facts, rows: Vec<Row>, pools: &BTreeSet<PoolId>) -> Result<(), Error> {
    let mut by_pool: BTreeMap<PoolId, BTreeSet<OrderId>> = BTreeMap::new();
    for row in rows {
        let (hold, version) = Hold::versioned(row)?;
        by_pool.entry(hold.pool).or_default().insert(hold.order);
        facts.holds.load((hold.order, hold.pool), Some((hold, version)));
    }
    for &pool in pools {
        let holds = by_pool.remove(&pool).unwrap_or_default();
        facts.pool_holds.load(pool, Some(holds));
    }
    Ok(())
}

fn load_ledgers(facts: &mut Facts, rows: Vec<Row>) -> Result<(), Error> {
    for row in rows {
        let mut cells = row.cells();
        let account = AccountId::new(cells.int()?);
        let ledger = LedgerSum { sum: cells.int()?, count: cells.int()?, last: cells.int()? };
        facts.ledgers.load(account, Some(ledger));
    }
    Ok(())
}

fn load_holdings(facts: &mut Facts, rows: Vec<Row>, members: &BTreeSet<MemberId>) -> Result<(), Error> {
    use OpenEnd::{CabinetOrders, Complaints, MealOrders, Openings, Refunds, ShopOrders, Topups};
    for row in rows {
        let mut cells = row.cells();
        let member = MemberId::new(cells.int()?);
        let mut open = BTreeMap::new();
        for end in [MealOrders, ShopOrders, Openings, CabinetOrders, Topups, Refunds, Complaints] {
            let count = cells.int()?;
            if count > 0 {
                open.insert(end, count);
            }
        }
        let traces = Traces {
            notes: cells.int()?,
            addresses: cells.int()?,
            complaints: cells.int()?,
            standing_orders: cells.int()?,
            sessions: cells.int()?,
            answers: cells.int()?,
        };
        facts.holdings.load(member, Some(Holdings { open, traces }));
    }
    // Who is not there has nothing.
    members.iter().for_each(|&member| facts.holdings.load(member, None));
    Ok(())
}

fn load_holders(
    rows: Vec<Row>,
    roles: &BTreeSet<RoleCode>,
    holders: &mut Lookup<RoleCode, BTreeSet<MemberId>>,
    hold: fn(&Grants, RoleCode) -> bool,
) -> Result<(), Error> {
    let mut by_role: BTreeMap<RoleCode, BTreeSet<MemberId>> = BTreeMap::new();
    for row in rows {
        let mut cells = row.cells();
        let (role, member) = (cells.parse("role")?, MemberId::new(cells.int()?));
        let grants: Grants = cells.json("grants")?;
        if hold(&grants, role) {
            by_role.entry(role).or_default().insert(member);
        }
    }
    for &role in roles {
        holders.load(role, Some(by_role.remove(&role).unwrap_or_default()));
    }
    Ok(())
}

fn load_order_sums(facts: &mut Facts, rows: Vec<Row>, accounts: &BTreeSet<AccountId>) -> Result<(), Error> {
    let mut by_account: BTreeMap<AccountId, BTreeMap<OrderId, Cents>> = BTreeMap::new();
    for row in rows {
        let mut cells = row.cells();
        let (account, order) = (AccountId::new(cells.int()?), OrderId::new(cells.int()?));
        by_account.entry(account).or_default().insert(order, Cents::new(cells.int()?));
    }
    for &account in accounts {
        facts.order_sums.load(account, Some(by_account.remove(&account).unwrap_or_default()));
    }
    Ok(())
}
