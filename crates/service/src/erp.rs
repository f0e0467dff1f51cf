//! The ERP. Products come in, by its push or by our pull: rows that cannot be taken go before a person, the others are taken. Sales of a day
//! and store go out under one number, counted from the orders and held against the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use kernel::{
    Bought, Cents, Command, Date, ErpCommand, Instant, Price, ProductCode, ProductId, SalesDocument, SendSales,
    StoreCode, StoreId, TakeProduct, Tickets, Title,
};
use partner::signature::{self, PartnerKey, SignatureError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::queries::{cabinets, erp as queries};
use store::{OutboxRow, event_key};

use crate::cabinet_events::EventRefused;
use crate::jobs::counts;
use crate::vendor::{Believed, EventId};
use crate::{Delivering, Delivery, Failure, Job, Ran, Request, Schedule, Service, crash, outbound, uuid};

const TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const PRODUCTS: &str = "products";
const MOST_PAGES: usize = 1_000;
/// What the ERP answers at most, as large as what it may push.
const MOST_BYTES: usize = 1 << 20;
/// Rows that are on their way to the lane together.
const AT_ONCE: usize = 100;
const MINUTE_MS: i64 = 60_000;
/// Days that are looked at again for sales that were never sent.
const DAYS_BACK: i32 = 7;
const AT_MINUTE: u16 = 2 * 60;

pub struct Erp {
    /// Its name in both directions.
    partner: String,
    key: PartnerKey,
    /// Where it listens; absent, nothing is sent or pulled.
    base_url: Option<reqwest::Url>,
    client: reqwest::Client,
}

impl Erp {
    /// # Errors
    /// What is wrong with the secret or the address.
    pub fn new(partner: String, secret: &str, base_url: Option<&str>) -> Result<Self, String> {
        let key = PartnerKey::new(secret).ok_or("the secret must have at least 16 bytes")?;
        let parse = |url: &str| reqwest::Url::parse(url.trim_end_matches('/'));
        let base_url = base_url.map(parse).transpose().map_err(|error| format!("the address: {error}"))?;
        Ok(Self { partner, key, base_url, client: outbound::client(TIMEOUT)? })
    }

    pub(crate) fn partner(&self) -> &str {
        &self.partner
    }

    /// Asks for something, or brings it where there is a body.
    async fn call(&self, service: &Service, path: &str, body: Option<&impl Serialize>) -> Result<Value, String> {
        let base_url = self.base_url.as_ref().ok_or("no address of the ERP is configured")?;
        let url = format!("{}{path}", base_url.as_str().trim_end_matches('/'));
        let url = reqwest::Url::parse(&url).map_err(|error| error.to_string())?;
        let (method, bytes) = match body {
            Some(body) => (reqwest::Method::POST, serde_json::to_vec(body).map_err(|error| error.to_string())?),
            None => (reqwest::Method::GET, Vec::new()),
        };
        let target = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let request = signature::Request { method: method.as_str(), path_and_query: &target, body: &bytes };
        let (now_s, nonce) = (service.now().as_millis().div_euclid(1000), uuid(service.ambient()));
        let headers = signature::sign(&self.key, &self.partner, &request, now_s, &nonce).ok_or("a bad nonce")?;
        let mut call = self.client.request(method, url).header("content-type", "application/json");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let answer = call.body(bytes).send().await.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the ERP answered {status}"));
        }
        let answer = outbound::bounded(answer, MOST_BYTES).await?;
        serde_json::from_slice(&answer).map_err(|error| format!("it cannot be read: {error}"))
    }
}

/// A list of products, as the ERP pushes it and as it answers a pull.
#[derive(Deserialize)]
struct Products {
    /// When it was true.
    at: Instant,
    /// Each by itself: one that cannot be read stops no other.
    products: Vec<Value>,
    /// What to ask for the rest of a pull.
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct ProductRow {
    code: ProductCode,
    name_zh: Title,
    name_en: Option<Title>,
    price_cents: Price,
}

/// How many rows were taken, and how many a person has to look at.
#[derive(Default)]
struct Rows {
    taken: i64,
    odd: i64,
}

/// What a store sold on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sales {
    /// The same however often it is sent.
    pub document_no: String,
    /// How often it was sent off, this time included; the latest counts.
    pub sends: i64,
    pub date: Date,
    pub store_code: StoreCode,
    pub lines: Vec<SalesLine>,
    /// What complaints gave back, for no goods. Not below zero.
    pub conceded_cents: Cents,
    /// Surcharges among them.
    pub orders: i64,
    /// What the lines come to, less what complaints gave back.
    pub total_cents: Cents,
    /// What of it was paid in tickets.
    pub total_tickets: Tickets,
    /// What of it WeChat's pay score has collected.
    pub collected_cents: Cents,
}

/// A day's sales of a store beside what the ledger says of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CountedSales {
    #[serde(flatten)]
    pub sales: Sales,
    /// What the cabinets' accounts took on that day. Where it is not the total, nothing is told the ERP.
    pub ledger_tickets: Tickets,
    pub ledger_cents: Cents,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SalesLine {
    pub product_code: ProductCode,
    /// Below zero where more came back than was sold.
    pub quantity: i64,
    pub amount_cents: Cents,
}

impl CountedSales {
    /// # Errors
    /// What does not fit.
    fn told(self) -> Result<Sales, String> {
        let (ledger, sales) = (self.ledger_tickets, self.sales);
        let lines: i64 = sales.lines.iter().map(|line| line.amount_cents.get()).sum();
        let (total, conceded) = (sales.total_cents.get(), sales.conceded_cents.get());
        if ledger != sales.total_tickets {
            let orders = sales.total_tickets.get();
            return Err(format!("the ledger has {} tickets and the orders {orders}", ledger.get()));
        }
        if self.ledger_cents != sales.collected_cents {
            let orders = sales.collected_cents.get();
            return Err(format!(
                "the ledger has {} cents from WeChat and the orders {orders}",
                self.ledger_cents.get()
            ));
        }
        if lines - conceded != total {
            return Err(format!("the lines come to {lines} cents less {conceded}, the orders to {total}"));
        }
        Ok(sales)
    }
}

impl Service {
    /// Takes products that the ERP pushes.
    ///
    /// # Errors
    /// Where the ERP has to send them again, or should not have sent them.
    pub async fn take_erp_products(
        &self,
        believed: Believed,
        path_and_query: &str,
        body: &[u8],
    ) -> Result<(), EventRefused> {
        let Some(key) = self.keep_event(believed, PRODUCTS, path_and_query, body).await? else { return Ok(()) };
        if let Err(failure) = self.process_products(&key, body).await {
            tracing::warn!(?failure, key, "products have no effect yet");
        }
        Ok(())
    }

    /// The sales of a day, for the ERP that asks for them.
    ///
    /// # Errors
    /// Where it is not the ERP that asks, or nobody can say.
    pub async fn sales_for_erp(
        &self,
        believed: Believed,
        path_and_query: &str,
        date: Date,
    ) -> Result<Vec<Sales>, EventRefused> {
        let Believed { partner, nonce, remember_until, .. } = believed;
        let now_ms = self.now().as_millis();
        let is_new = self
            .lanes()
            .chore({
                let partner = partner.clone();
                move |writer| {
                    Box::pin(async move { writer.remember_nonce(&partner, &nonce, remember_until, now_ms).await })
                }
            })
            .await;
        match is_new {
            Ok(true) => {}
            Ok(false) => {
                return Err(self.refuse(&partner, path_and_query, "the nonce was used before".to_owned()).await);
            }
            Err(_) => return Err(EventRefused::NotNow),
        }
        let counted = self.sales_of_day(date).await.map_err(|failure| format!("{failure:?}"));
        let told: Result<_, _> = counted.and_then(|counted| counted.into_iter().map(CountedSales::told).collect());
        told.map_err(|why| {
            tracing::error!(why, %date, "sales cannot be told");
            EventRefused::NotNow
        })
    }

    /// Whether a request is the ERP's own. Nothing of it is kept yet.
    ///
    /// # Errors
    /// Where it is not.
    pub async fn believe_erp<'h>(
        &self,
        method: &str,
        path_and_query: &str,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Believed, EventRefused> {
        let claimed = header(signature::PARTNER_ID).unwrap_or_default().to_owned();
        match self.verify_erp(method, path_and_query, header, body) {
            Ok(believed) => Ok(believed),
            Err(why) => Err(self.refuse(&claimed, path_and_query, why).await),
        }
    }

    fn verify_erp<'h>(
        &self,
        method: &str,
        path_and_query: &str,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Believed, String> {
        let erp = self.erp().ok_or("no ERP is configured")?;
        let text = |error: SignatureError| error.to_string();
        let headers = signature::Headers::from_lookup(header).map_err(text)?;
        if headers.partner_id != erp.partner {
            return Err("not the ERP's name".to_owned());
        }
        let request = signature::Request { method, path_and_query, body };
        let now_s = self.now().as_millis().div_euclid(1000);
        let accepted = signature::verify(&erp.key, &headers, &request, now_s).map_err(text)?;
        Ok(Believed {
            partner: erp.partner.clone(),
            nonce: accepted.nonce.to_owned(),
            remember_until: accepted.remember_until,
            event: EventId::given(body),
        })
    }

    pub(crate) async fn process_products(&self, key: &str, body: &[u8]) -> Result<(), Failure> {
        match serde_json::from_slice::<Products>(body) {
            Ok(list) => {
                self.take_products(list).await?;
            }
            Err(error) => self.raise_odd(key, &format!("it cannot be read: {error}"), body).await?,
        }
        crash::at("products-taken");
        self.event_processed(key).await
    }

    async fn take_products(&self, list: Products) -> Result<Rows, Failure> {
        let (at, mut rows) = (list.at.min(self.now()), Rows::default());
        let shelved = queries::shelved_products(self.store()).await?;
        for some in list.products.chunks(AT_ONCE) {
            let taken = join_all(some.iter().map(|row| self.take_product(row, at, &shelved))).await;
            for (row, taken) in some.iter().zip(taken) {
                match taken {
                    Ok(()) => rows.taken += 1,
                    Err(Unfit::Odd(why)) => {
                        let row = row.to_string();
                        // By what it says: the same row comes again with every list.
                        let key = event_key(PRODUCTS, EventId::of(row.as_bytes()).as_str());
                        self.raise_odd(&key, &why, row.as_bytes()).await?;
                        rows.odd += 1;
                    }
                    Err(Unfit::Failed(failure)) => return Err(failure),
                }
            }
        }
        Ok(rows)
    }

    async fn take_product(
        &self,
        row: &Value,
        at: Instant,
        shelved: &BTreeMap<ProductCode, BTreeSet<ProductId>>,
    ) -> Result<(), Unfit> {
        let row = ProductRow::deserialize(row).map_err(|error| Unfit::Odd(error.to_string()))?;
        let ProductRow { code, name_zh, name_en, price_cents: price } = row;
        let mut shelved = shelved.get(&code).into_iter().flatten().copied();
        let (shelved, another) = (shelved.next(), shelved.next());
        if another.is_some() {
            return Err(Unfit::Odd("cabinets have several products under this code".to_owned()));
        }
        let command = ErpCommand::TakeProduct(TakeProduct { code, shelved, name_zh, name_en, price, at });
        match self.run(Request::by_house(Command::Erp(command))).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refusal)) => Err(Unfit::Odd(format!("{refusal:?}"))),
            Err(failure) => Err(Unfit::Failed(failure)),
        }
    }

    /// Sales of every store that sold something on a day.
    pub async fn sales_of_day(&self, date: Date) -> Result<Vec<CountedSales>, Failure> {
        let mut counted = Vec::new();
        for store in self.stores_with_sales(date).await? {
            counted.push(self.sales_of(date, store).await?);
        }
        Ok(counted)
    }

    /// Sends the sales of a day off once more, under their numbers.
    pub async fn resend_sales(&self, date: Date, asked: impl FnOnce(Command) -> Request) -> Result<(), Failure> {
        if self.erp().is_none_or(|erp| erp.base_url.is_none()) {
            return Err(Failure::Provider { reason: "no address of an ERP is configured".to_owned() });
        }
        let stores = self.stores_with_sales(date).await?;
        let command = ErpCommand::SendSales(SendSales { date, stores, again: true });
        self.run(asked(Command::Erp(command))).await.map(drop)
    }

    async fn stores_with_sales(&self, date: Date) -> Result<BTreeSet<StoreId>, Failure> {
        let (from, until) = self.span(date);
        Ok(queries::stores_with_sales(self.store(), from, until).await?.into_iter().collect())
    }

    fn span(&self, date: Date) -> (Instant, Instant) {
        (date.start_in(self.zone()), date.plus_days(1).start_in(self.zone()))
    }

    async fn sales_of(&self, date: Date, store: StoreId) -> Result<CountedSales, Failure> {
        let (from, until) = self.span(date);
        let missing = || Failure::Internal { reason: format!("there is no store {store}") };
        let shop = cabinets::store(self.store(), store).await?.ok_or_else(missing)?;
        let sold = queries::sold(self.store(), store, from, until).await?;
        let document = queries::sales_document(self.store(), date, store).await?;
        let mut lines: BTreeMap<ProductCode, SalesLine> = BTreeMap::new();
        for Bought { code, quantity, price, .. } in sold.items {
            let line = lines.entry(code.clone()).or_insert(SalesLine {
                product_code: code,
                quantity: 0,
                amount_cents: Cents::new(0),
            });
            line.quantity += quantity;
            line.amount_cents = Cents::new(line.amount_cents.get() + price.get() * quantity);
        }
        lines.retain(|_, line| line.quantity != 0 || line.amount_cents != Cents::ZERO);
        let sales = Sales {
            document_no: SalesDocument::number(date, &shop.code),
            sends: document.map_or(0, |document| document.sends),
            date,
            store_code: shop.code,
            lines: lines.into_values().collect(),
            conceded_cents: sold.conceded,
            orders: sold.orders,
            total_cents: sold.total,
            total_tickets: sold.tickets,
            collected_cents: sold.collected,
        };
        let (ledger_tickets, ledger_cents) = queries::taken(self.store(), store, from, until).await?;
        Ok(CountedSales { sales, ledger_tickets, ledger_cents })
    }

    /// # Errors
    /// The text is for whoever looks after the outbox.
    async fn deliver_sales(&self, date: Date, store: StoreId) -> Result<(), String> {
        let erp = self.erp().ok_or("no ERP is configured")?;
        let counted = self.sales_of(date, store).await.map_err(|failure| format!("{failure:?}"))?;
        let sales = counted.told()?;
        erp.call(self, "/sales", Some(&sales)).await?;
        crash::at("sales-told");
        Ok(())
    }

    async fn pull_products(&self) -> Result<Rows, String> {
        let erp = self.erp().ok_or("no ERP is configured")?;
        let (mut rows, mut path) = (Rows::default(), "/products".to_owned());
        for _ in 0..MOST_PAGES {
            let page = erp.call(self, &path, None::<&()>).await?;
            let mut page = Products::deserialize(page).map_err(|error| format!("it cannot be read: {error}"))?;
            let next = page.next.take();
            let taken = self.take_products(page).await.map_err(|failure| format!("{failure:?}"))?;
            rows = Rows { taken: rows.taken + taken.taken, odd: rows.odd + taken.odd };
            let Some(next) = next.filter(|_| !self.is_stopping()) else { return Ok(rows) };
            path = after(&next)?;
        }
        Err(format!("more than {MOST_PAGES} pages"))
    }
}

/// Where the page after one is.
fn after(page: &str) -> Result<String, String> {
    let url = reqwest::Url::parse_with_params("http://erp/products", [("after", page)]);
    let url = url.map_err(|error| error.to_string())?;
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

/// Why a row is not taken.
enum Unfit {
    /// It never will be: somebody has to look at it.
    Odd(String),
    /// Not now.
    Failed(Failure),
}

/// Carries a day's sales of a store to the ERP.
pub struct SalesDelivery;

impl Delivery for SalesDelivery {
    fn topic(&self) -> &'static str {
        "erp-sales"
    }

    fn deliver<'a>(&'a self, service: &'a Service, message: &'a OutboxRow) -> Delivering<'a> {
        Box::pin(async move {
            let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
            let date = body["date"].as_str().and_then(|date| date.parse().ok());
            let (Some(date), Some(store)) = (date, body["store_id"].as_i64()) else {
                return Err("the message names no day of a store".to_owned().into());
            };
            Ok(service.deliver_sales(date, StoreId::new(store)).await?)
        })
    }
}

/// Sends yesterday's sales, and what of the days before was never sent.
pub struct SendErpSales;

impl Job for SendErpSales {
    fn name(&self) -> &'static str {
        "send-erp-sales"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Daily { minute: AT_MINUTE }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let (today, mut documents) = (service.now().date_in(service.zone()), 0);
            for back in 1..=DAYS_BACK {
                let date = today.plus_days(-back);
                let stores = service.stores_with_sales(date).await.map_err(|failure| format!("{failure:?}"))?;
                if service.is_stopping() || stores.is_empty() {
                    continue;
                }
                documents += i64::try_from(stores.len()).unwrap_or(i64::MAX);
                let command = ErpCommand::SendSales(SendSales { date, stores, again: false });
                let sent = service.run(Request::by_house(Command::Erp(command))).await;
                sent.map_err(|failure| format!("{failure:?}"))?;
            }
            Ok(counts([("documents", documents)]))
        })
    }
}

/// Asks the ERP for its products.
pub struct PullErpProducts {
    pub every_minutes: i64,
}

impl Job for PullErpProducts {
    fn name(&self) -> &'static str {
        "pull-erp-products"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: self.every_minutes * MINUTE_MS }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let Rows { taken, odd } = service.pull_products().await?;
            Ok(counts([("products", taken), ("odd_rows", odd)]))
        })
    }
}
