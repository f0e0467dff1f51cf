//! What was sold, and what the ERP was told of it. A day is the moments from one to before the other.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    AccountId, Bought, Cents, Currency, Date, DeviceId, Instant, Owner, ProductCode, ProductId, SalesDocument, Shelved,
    StoreId, Tickets,
};

use crate::rows::FromRow;
use crate::{Error, Row, Store, Value};

const PLANOGRAMS: &str = "SELECT planogram FROM devices";
const STORES_WITH_SALES: &str = "SELECT DISTINCT store_id FROM cabinet_orders \
     WHERE paid_at IS NOT NULL AND paid_at >= $1 AND paid_at < $2 ORDER BY store_id";
const SOLD: &str = "SELECT items, total_cents, CASE pay WHEN 'ticket' THEN tickets ELSE 0 END, CASE pay WHEN 'wechat' THEN total_cents ELSE 0 END, \
     CASE WHEN complaint_id IS NULL THEN 0 ELSE -total_cents END FROM cabinet_orders \
     WHERE paid_at IS NOT NULL AND paid_at >= $1 AND paid_at < $2 AND store_id = $3 ORDER BY paid_at, order_id";
/// Where what a store took can have gone, whatever the orders say: a cabinet may have come or gone on the day.
const DEVICES: &str = "SELECT device_id FROM cabinet_orders WHERE paid_at IS NOT NULL AND paid_at >= $1 AND paid_at < $2 AND store_id = $3 \
     UNION SELECT device_id FROM devices WHERE store_id = $3";
/// Entries are numbered as they are written, without gaps: by halving, the first one that is not of before a moment.
const FIRST_SINCE: &str = "WITH RECURSIVE span (low, high) AS (\
     SELECT CAST(1 AS BIGINT), entry_count + 1 FROM accounts WHERE account_id = $1 \
     UNION ALL SELECT CASE WHEN e.created_at < $2 THEN e.number + 1 ELSE s.low END, \
     CASE WHEN e.created_at < $2 THEN s.high ELSE e.number END FROM span AS s \
     JOIN entries AS e ON e.account_id = $1 AND e.number = (s.low + s.high) / 2 WHERE s.low < s.high) \
     SELECT COALESCE(MAX(low), 1) FROM span";
/// By the entries' own time and not by way of the orders' payment: the two have to come to the same.
const TAKEN: &str = "SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM entries AS e \
     WHERE e.account_id = $1 AND e.number >= $2 AND e.number < $3 AND e.created_at >= $4 AND e.created_at < $5 \
     AND (SELECT o.store_id FROM cabinet_orders AS o WHERE o.order_id = e.order_id) = $6";
/// One entry may have been written after another and still carry an earlier time: servers have clocks of their own, which are set.
const CLOCKS_ARE_WRONG_BY_MS: i64 = 24 * 3_600_000;
const DOCUMENT: &str = "SELECT date, store_id, document_no, sends, created_at, updated_at FROM sales_documents \
     WHERE date = $1 AND store_id = $2";

/// What was sold and paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    pub items: Vec<Bought>,
    /// What complaints gave back, for no goods.
    pub conceded: Cents,
    pub orders: i64,
    pub total: Cents,
    pub tickets: Tickets,
    /// What of the total WeChat has collected.
    pub collected: Cents,
}

/// Which products cabinets have under each code.
pub async fn shelved_products(store: &Store) -> Result<BTreeMap<ProductCode, BTreeSet<ProductId>>, Error> {
    let mut products: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for row in store.query(PLANOGRAMS, Vec::new()).await? {
        for shelved in row.cells().json::<Vec<Shelved>>("planogram")? {
            products.entry(shelved.code).or_default().insert(shelved.product);
        }
    }
    Ok(products)
}

pub async fn stores_with_sales(store: &Store, from: Instant, until: Instant) -> Result<Vec<StoreId>, Error> {
    let rows = store.query(STORES_WITH_SALES, vec![from.as_millis().into(), until.as_millis().into()]).await?;
    rows.into_iter().map(|row| row.cells().int().map(StoreId::new)).collect()
}

pub async fn sold(store: &Store, of: StoreId, from: Instant, until: Instant) -> Result<Sold, Error> {
    let parameters = vec![from.as_millis().into(), until.as_millis().into(), of.get().into()];
    let (mut items, mut orders, mut total, mut tickets, mut collected, mut conceded) = (Vec::new(), 0, 0, 0, 0, 0);
    for row in store.query(SOLD, parameters).await? {
        let mut cells = row.cells();
        items.extend(cells.json::<Vec<Bought>>("items")?);
        orders += 1;
        total += cells.int()?;
        tickets += cells.int()?;
        collected += cells.int()?;
        conceded += cells.int()?;
    }
    let (conceded, total, collected) = (Cents::new(conceded), Cents::new(total), Cents::new(collected));
    Ok(Sold { items, conceded, orders, total, tickets: Tickets::new(tickets), collected })
}

/// What the ledger says that cabinets of a store took, in tickets and by way of WeChat.
pub async fn taken(store: &Store, of: StoreId, from: Instant, until: Instant) -> Result<(Tickets, Cents), Error> {
    let (from, until) = (from.as_millis(), until.as_millis());
    let devices = store.query(DEVICES, vec![from.into(), until.into(), of.get().into()]).await?;
    let mut taken = [0; 2];
    for row in devices {
        let device = Owner::Device(DeviceId::new(row.cells().int()?));
        for (taken, currency) in taken.iter_mut().zip([Currency::Ticket, Currency::Cny]) {
            let account = device.account(currency);
            let first = first_since(store, account, from - CLOCKS_ARE_WRONG_BY_MS).await?;
            let end = first_since(store, account, until + CLOCKS_ARE_WRONG_BY_MS).await?;
            let numbers = [account.get(), first, end, from, until, of.get()];
            *taken += super::number(store.query(TAKEN, numbers.map(Value::from).into()).await?)?;
        }
    }
    Ok((Tickets::new(taken[0]), Cents::new(taken[1])))
}

async fn first_since(store: &Store, account: AccountId, at_ms: i64) -> Result<i64, Error> {
    super::number(store.query(FIRST_SINCE, vec![account.get().into(), at_ms.into()]).await?)
}

pub async fn sales_document(store: &Store, date: Date, of: StoreId) -> Result<Option<SalesDocument>, Error> {
    let rows = store.query(DOCUMENT, vec![date.to_string().into(), of.get().into()]).await?;
    let document = |row: Row| SalesDocument::from_cells(&mut row.cells());
    rows.into_iter().next().map(document).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;

    /// A cabinet that sold something each minute, in turns for two stores. Now and then the clock was twenty hours behind.
    const HOUSE: &str = "INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version) \
         VALUES (140, 'device', 70, 'CNY', 0, 0, 0), (141, 'device', 70, 'TICKET', 30000000, 20000, 0); \
         INSERT INTO devices (device_id, code, name, store_id, is_online, heard_at, planogram, planogram_version, session_id, created_at, \
         updated_at, version) VALUES (70, 'D1', 'D1', 1, 0, NULL, '[]', 0, NULL, 0, 0, 0); \
         INSERT INTO entries (account_id, number, transfer_id, kind, order_id, amount, balance_after, created_at) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         SELECT 141, i, i, 'order_charge', 100000 + i, 1500 + i % 7, 0, 1000000000000 + CAST(i AS BIGINT) * 60000 \
         - CASE WHEN i % 1000 < 9 THEN 72000000 ELSE 0 END FROM n; \
         INSERT INTO cabinet_orders (order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents, \
         tickets, pay, status, reason, paid_at, withdrawn_at, attempts, order_type, related_order_id, related_order_no, complaint_id, \
         standing, kept_tickets, created_at, updated_at, version) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         SELECT 100000 + i, 'CABO' || i, 5, 70, 1 + i % 2, i, 'V' || i, '[]', 300, 1500, 'ticket', 'paid', NULL, \
         1000000000000 + CAST(i AS BIGINT) * 60000, NULL, '[]', 'normal', NULL, NULL, NULL, '{}', 1500, 0, 0, 0 FROM n";
    const WHOLE_LEDGER: &str = "SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM entries AS e \
         JOIN cabinet_orders AS o ON o.order_id = e.order_id \
         WHERE e.account_id = $1 AND e.created_at >= $2 AND e.created_at < $3 AND o.store_id = $4";
    const BEGIN_MS: i64 = 1_000_000_000_000;
    const MINUTE_MS: i64 = 60_000;

    async fn house(url: &str) -> Store {
        let store = Store::new(url).expect("an address");
        let mut writer = store.writer().await.expect("a connection");
        writer.migrate(0).await.expect("migrated");
        writer.script(HOUSE).await.expect("filled");
        if store.engine() == Engine::Postgres {
            writer.script("ANALYZE").await.expect("analyzed");
        }
        store
    }

    async fn plan(store: &Store, text: &str, parameters: &[i64]) -> String {
        let (explain, before) = match store.engine() {
            Engine::Sqlite => ("EXPLAIN QUERY PLAN ", 3),
            Engine::Postgres => ("EXPLAIN ", 0),
        };
        let parameters = parameters.iter().copied().map(Value::from).collect();
        let plan = store.query(&format!("{explain}{text}"), parameters).await.expect("planned");
        let step = |row: Row| {
            let mut cells = row.cells();
            for _ in 0..before {
                cells.int().expect("a number");
            }
            cells.text().expect("a step")
        };
        plan.into_iter().map(step).collect::<Vec<_>>().join("\n")
    }

    async fn a_day_is_looked_for_where_it_is(store: Store) {
        let (from, until) = (BEGIN_MS + 8_000 * MINUTE_MS, BEGIN_MS + 9_440 * MINUTE_MS);
        let (halving, summing) = match store.engine() {
            Engine::Sqlite => (
                ["SEARCH e USING PRIMARY KEY (account_id=? AND number=?)"].as_slice(),
                [
                    "SEARCH e USING PRIMARY KEY (account_id=? AND number>? AND number<?)",
                    "SEARCH o USING INTEGER PRIMARY KEY",
                ]
                .as_slice(),
            ),
            Engine::Postgres => {
                (["entries_pkey"].as_slice(), ["entries_pkey", "cabinet_orders_pkey", "number >= "].as_slice())
            }
        };
        for (text, parameters, ways) in [
            (FIRST_SINCE, [141, from].as_slice(), halving),
            (TAKEN, [141, 8_000, 8_100, from, until, 1].as_slice(), summing),
        ] {
            let plan = plan(&store, text, parameters).await;
            assert!(ways.iter().all(|way| plan.contains(way)), "{plan}");
            assert!(!plan.contains("Seq Scan on entries") && !plan.contains("Seq Scan on cabinet_orders"), "{plan}");
            assert!(!plan.contains("SCAN e") && !plan.contains("SCAN o"), "{plan}");
        }

        let account = Owner::Device(DeviceId::new(70)).account(Currency::Ticket);
        assert_eq!(account.get(), 141);
        for (at, first) in [(0, 1), (BEGIN_MS + 500 * MINUTE_MS, 500), (i64::MAX, 20_001)] {
            assert_eq!(first_since(&store, account, at).await.expect("found"), first);
        }
        for minute in [-2_000, 0, 999, 1_005, 7_990, 8_000, 19_990, 20_001] {
            let from = BEGIN_MS + minute * MINUTE_MS;
            for until in [from, from + 30 * MINUTE_MS, from + 1_440 * MINUTE_MS] {
                let parameters = [141, from, until, 1].map(Value::from).into();
                let whole = store.query(WHOLE_LEDGER, parameters).await.and_then(super::super::number);
                let span = [from, until].map(Instant::from_millis);
                let (tickets, cents) = taken(&store, StoreId::new(1), span[0], span[1]).await.expect("added up");
                assert_eq!((tickets.get(), cents), (whole.expect("a number"), Cents::ZERO), "{minute}");
            }
        }
    }

    #[tokio::test]
    async fn a_day_is_looked_for_where_it_is_on_sqlite() {
        let folder = testing::TempDir::new();
        a_day_is_looked_for_where_it_is(house(&format!("sqlite:{}", folder.join("day.db").display())).await).await;
    }

    #[tokio::test]
    async fn a_day_is_looked_for_where_it_is_on_postgres() {
        let database = testing::postgres::fresh_database();
        a_day_is_looked_for_where_it_is(house(database.url()).await).await;
    }
}
