//! What was sold, and what the ERP was told of it. A day is the moments from one to before the other.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Bought, Cents, Currency, Date, DeviceId, Instant, Owner, ProductCode, ProductId, SalesDocument, Shelved, StoreId,
    Tickets,
};

use crate::rows::FromRow;
use crate::{Error, Row, Store};

const PLANOGRAMS: &str = "SELECT planogram FROM devices";
const STORES_WITH_SALES: &str = "SELECT DISTINCT store_id FROM cabinet_orders \
     WHERE paid_at IS NOT NULL AND paid_at >= $1 AND paid_at < $2 ORDER BY store_id";
const SOLD: &str = "SELECT items, total_cents, CASE pay WHEN 'ticket' THEN tickets ELSE 0 END, CASE pay WHEN 'wechat' THEN total_cents ELSE 0 END, \
     CASE WHEN complaint_id IS NULL THEN 0 ELSE -total_cents END FROM cabinet_orders \
     WHERE paid_at IS NOT NULL AND paid_at >= $1 AND paid_at < $2 AND store_id = $3 ORDER BY paid_at, order_id";
/// Where what a store took can have gone, whatever the orders say: a cabinet may have come or gone on the day.
const DEVICES: &str = "SELECT device_id FROM cabinet_orders WHERE paid_at IS NOT NULL AND paid_at >= $1 AND paid_at < $2 AND store_id = $3 \
     UNION SELECT device_id FROM devices WHERE store_id = $3";
/// By the entries' own time and not by way of the orders' payment: the two have to come to the same.
const TAKEN: &str = "SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM entries AS e \
     JOIN cabinet_orders AS o ON o.order_id = e.order_id \
     WHERE e.account_id = $1 AND e.created_at >= $2 AND e.created_at < $3 AND o.store_id = $4";
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
            let parameters = vec![account.get().into(), from.into(), until.into(), of.get().into()];
            *taken += super::number(store.query(TAKEN, parameters).await?)?;
        }
    }
    Ok((Tickets::new(taken[0]), Cents::new(taken[1])))
}

pub async fn sales_document(store: &Store, date: Date, of: StoreId) -> Result<Option<SalesDocument>, Error> {
    let rows = store.query(DOCUMENT, vec![date.to_string().into(), of.get().into()]).await?;
    let document = |row: Row| SalesDocument::from_cells(&mut row.cells());
    rows.into_iter().next().map(document).transpose()
}
