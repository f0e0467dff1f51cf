//! The service as a whole: what it is made of, starting it and stopping it.

use std::sync::{Arc, PoisonError};

use kernel::{CabinetRules, DoorSessionId, IdSource, Instant, Outcome, Overdraft, ShopRules};
use store::{Forgettable, Migrated, Schema, Seal, Store, expected_schema};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use wechat::mini::MiniProgram;

use crate::jobs::{self, Jobs};
use crate::lane::Shared;
use crate::lanes::Lanes;
use crate::node::{self, Node};
use crate::refusals::Refusals;
use crate::sessions::Sessions;
use crate::tallies::Tallies;
use crate::{
    Alerts, Ambient, Caller, CheckReport, Delivery, Erp, Failure, IdGenerator, Job, KeyRing, LaneSettings,
    LeakedPasswords, Metrics, Pay, Pictures, Recharge, Request, Tally, Vault, Vendor, check, outbox,
};

pub struct Settings {
    pub zone: jiff::tz::TimeZone,
    /// How far below zero a member's wallet may go; absent for any way down.
    pub overdraft_limit: Option<Overdraft>,
    pub shop: ShopRules,
    pub cabinet: CabinetRules,
    pub session_ms: i64,
    pub lanes: LaneSettings,
    /// Who signs people in by their WeChat codes.
    pub mini_program: Option<MiniProgram>,
    pub deliveries: Vec<Box<dyn Delivery>>,
    pub jobs: Vec<Box<dyn Job>>,
    /// Whom WeChat pays.
    pub pay: Option<Arc<Pay>>,
    pub recharge: Recharge,
    /// Where pictures are kept; absent, there are none.
    pub pictures: Option<Pictures>,
    /// Who opens the doors of the cabinets; absent, they stay shut.
    pub vendor: Option<Vendor>,
    /// Who tells of products and is told of sales.
    pub erp: Option<Erp>,
    /// What secrets at rest are sealed under.
    pub keys: KeyRing,
    /// Whether everybody who works here has to have a second factor.
    pub demand_second_factor: bool,
    /// Passwords that nobody may take.
    pub leaked_passwords: Option<LeakedPasswords>,
    /// What is watched, and who is told.
    pub alerts: Alerts,
}

impl Settings {
    #[must_use]
    pub fn new(zone: jiff::tz::TimeZone) -> Self {
        Self {
            zone,
            overdraft_limit: None,
            shop: ShopRules::default(),
            cabinet: CabinetRules::default(),
            session_ms: 30 * 24 * 3600 * 1000,
            lanes: LaneSettings::default(),
            mini_program: None,
            deliveries: Vec::new(),
            jobs: Vec::new(),
            pay: None,
            recharge: Recharge::default(),
            pictures: None,
            vendor: None,
            erp: None,
            keys: KeyRing::default(),
            demand_second_factor: false,
            leaked_passwords: None,
            alerts: Alerts::default(),
        }
    }
}

/// Whoever listens to the doors and is further behind looks for itself.
const DOORS_WAITING: usize = 256;

/// Whether the service can do its work now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Why writing failed last, while it has not succeeded since. For the log and for operators.
    pub trouble: Option<String>,
    pub schema: i64,
}

/// Cheap to clone; all clones are one service.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    lanes: Arc<Lanes>,
    sessions: Sessions,
    session_ms: i64,
    mini_program: Option<MiniProgram>,
    jobs: Jobs,
    pay: Option<Arc<Pay>>,
    recharge: Recharge,
    pictures: Option<Pictures>,
    vendor: Option<Vendor>,
    erp: Option<Erp>,
    vault: Vault,
    demand_second_factor: bool,
    leaked_passwords: Option<Arc<LeakedPasswords>>,
    alerts: Alerts,
    refusals: Refusals,
    doors: broadcast::Sender<DoorSessionId>,
    stop: watch::Sender<bool>,
    workers: std::sync::Mutex<Option<Workers>>,
}

struct Workers {
    heart: JoinHandle<Node>,
    courier: JoinHandle<()>,
    scheduler: JoinHandle<()>,
}

impl Service {
    /// Migrates, seals what is personal and still in clear, claims a node number and starts the lanes and workers.
    ///
    /// # Errors
    /// Where the database cannot be reached, is too new for this program or used by servers that are too old for it, has no node
    /// number left, or holds what is sealed under other keys.
    pub async fn start(store: Store, ambient: Arc<dyn Ambient>, settings: Settings) -> Result<Self, store::Error> {
        let now_ms = ambient.now().as_millis();
        let mut writer = store.writer().await?;
        let Migrated { from, to } = writer.migrate(now_ms).await?;
        if from != to {
            tracing::info!(from, to, "the schema was brought up to date");
        } else if to > expected_schema() {
            tracing::info!(
                schema = to,
                ours = expected_schema(),
                "the schema is of a newer program, and fits this one"
            );
        }
        let vault = Vault::open(&mut writer, settings.keys, Arc::clone(&ambient)).await?;
        let node = Node::claim(&mut writer, crate::ambient::uuid(ambient.as_ref()), now_ms).await?;
        let ids_from = node.lease.ids_until_ms.max(now_ms);
        let shared = Arc::new(Shared {
            store: store.clone(),
            ids: IdGenerator::new(node.lease.number, ids_from, node.ids_until_ms(now_ms)),
            zone: settings.zone,
            overdraft_limit: settings.overdraft_limit,
            shop: settings.shop,
            cabinet: settings.cabinet,
            metrics: Metrics::default(),
            tallies: Tallies::default(),
            trouble: watch::Sender::new(None),
            ambient: Arc::clone(&ambient),
        });
        let lanes = Arc::new(Lanes::start(Arc::clone(&shared), writer, settings.lanes).await?);
        let stop = watch::Sender::new(false);
        let heart = tokio::spawn(node::beat(Arc::clone(&shared), Arc::clone(&lanes), node, stop.subscribe()));
        let (jobs, started) = Jobs::new(settings.jobs, Instant::from_millis(now_ms));
        let service = Self(Arc::new(Inner {
            sessions: Sessions::start(store, ambient),
            shared,
            lanes,
            session_ms: settings.session_ms,
            mini_program: settings.mini_program,
            jobs,
            pay: settings.pay,
            recharge: settings.recharge,
            pictures: settings.pictures,
            vendor: settings.vendor,
            erp: settings.erp,
            vault,
            demand_second_factor: settings.demand_second_factor,
            leaked_passwords: settings.leaked_passwords.map(Arc::new),
            alerts: settings.alerts,
            refusals: Refusals::default(),
            doors: broadcast::Sender::new(DOORS_WAITING),
            stop,
            workers: std::sync::Mutex::new(None),
        }));
        let courier =
            tokio::spawn(outbox::work(service.clone(), settings.deliveries.into(), service.0.stop.subscribe()));
        let scheduler = tokio::spawn(jobs::work(service.clone(), started, service.0.stop.subscribe()));
        *service.0.workers.lock().unwrap_or_else(PoisonError::into_inner) = Some(Workers { heart, courier, scheduler });
        Ok(service)
    }

    /// The one way to change anything.
    ///
    /// # Errors
    /// The refusal, or why there is no answer.
    pub async fn run(&self, request: Request) -> Result<Outcome, Failure> {
        let outcome = self.0.lanes.run(request).await?;
        if let Outcome::DoorSession { session } = &outcome {
            // Nobody need be listening.
            drop(self.0.doors.send(session.id));
        }
        Ok(outcome)
    }

    /// The openings that this server has changed, or may have. What another server changes is not among them.
    #[must_use]
    pub fn doors(&self) -> broadcast::Receiver<DoorSessionId> {
        self.0.doors.subscribe()
    }

    /// # Errors
    /// `InvalidToken` where it opens nothing (any more).
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Failure> {
        self.0.sessions.find(token).await
    }

    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.shared.ambient.now()
    }

    #[must_use]
    pub fn pictures(&self) -> Option<&Pictures> {
        self.0.pictures.as_ref()
    }

    pub(crate) fn vendor(&self) -> Option<&Vendor> {
        self.0.vendor.as_ref()
    }

    pub(crate) fn erp(&self) -> Option<&Erp> {
        self.0.erp.as_ref()
    }

    /// What is known about persons is sealed and opened here.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        self.0.vault.keys()
    }

    /// Whether there is a key to keep secrets under.
    #[must_use]
    pub fn can_seal(&self) -> bool {
        !self.keys().is_empty()
    }

    pub(crate) fn leaked_passwords(&self) -> Option<&Arc<LeakedPasswords>> {
        self.0.leaked_passwords.as_ref()
    }

    /// Whether everybody who works here has to have a second factor.
    #[must_use]
    pub fn demands_second_factor(&self) -> bool {
        self.0.demand_second_factor
    }

    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.0.alerts
    }

    /// Counts something that alert rules watch.
    pub fn count(&self, tally: Tally) {
        self.0.shared.tallies.count(tally);
    }

    pub(crate) fn refusals(&self) -> &Refusals {
        &self.0.refusals
    }

    #[must_use]
    pub fn cabinet_rules(&self) -> CabinetRules {
        self.0.shared.cabinet
    }

    #[must_use]
    pub fn zone(&self) -> &jiff::tz::TimeZone {
        &self.0.shared.zone
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.shared.store
    }

    #[must_use]
    pub fn ambient(&self) -> &dyn Ambient {
        self.0.shared.ambient.as_ref()
    }

    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.shared.metrics
    }

    pub(crate) fn node_number(&self) -> i64 {
        self.0.shared.ids.node()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.0.lanes
    }

    pub(crate) fn pay_settings(&self) -> Option<&Arc<Pay>> {
        self.0.pay.as_ref()
    }

    #[must_use]
    pub fn recharge(&self) -> &Recharge {
        &self.0.recharge
    }

    /// Keeps a message from outside as it came, before anybody is told that it has arrived.
    pub(crate) async fn keep_callback(&self, source: &'static str, body: &[u8]) -> Result<i64, Failure> {
        let now = self.now();
        let ids = self.0.shared.ids.source(now, 1);
        let id = ids.map(|mut ids| ids.next_id());
        let id = id.ok_or_else(|| Failure::Unavailable { reason: "no node number".to_owned() })?;
        let body = body.to_vec();
        let now_ms = now.as_millis();
        self.0
            .lanes
            .chore(move |writer| Box::pin(async move { writer.keep_callback(id, source, &body, now_ms).await }))
            .await
            .map(|()| id)
    }

    pub(crate) async fn callback_processed(&self, id: i64) -> Result<(), Failure> {
        let now_ms = self.now().as_millis();
        self.0.lanes.chore(move |writer| Box::pin(async move { writer.callback_processed(id, now_ms).await })).await
    }

    pub(crate) async fn keep_bill(
        &self,
        day: &str,
        sha1: &str,
        text: Vec<u8>,
        totals: [i64; 6],
    ) -> Result<(), Failure> {
        let text = self.vault().seal_bill(day, &text)?;
        let (day, sha1, now_ms) = (day.to_owned(), sha1.to_owned(), self.now().as_millis());
        self.0
            .lanes
            .chore(move |writer| Box::pin(async move { writer.keep_bill(&day, &sha1, &text, now_ms, totals).await }))
            .await
    }

    pub(crate) async fn keep_seal(&self, seal: Seal) -> Result<(), Failure> {
        let now_ms = self.now().as_millis();
        self.0.lanes.chore(move |writer| Box::pin(async move { writer.seal(&seal, now_ms).await })).await
    }

    pub(crate) async fn forget(&self, what: Forgettable, until_ms: i64) -> Result<i64, Failure> {
        let rows =
            self.0.lanes.chore(move |writer| Box::pin(async move { writer.forget(what, until_ms).await })).await?;
        Ok(i64::try_from(rows).unwrap_or(i64::MAX))
    }

    pub(crate) fn jobs_of(&self) -> &Jobs {
        &self.0.jobs
    }

    pub(crate) fn session_ms(&self) -> i64 {
        self.0.session_ms
    }

    pub(crate) fn mini_program(&self) -> Option<&MiniProgram> {
        self.0.mini_program.as_ref()
    }

    /// Checks the books.
    pub async fn check(&self) -> Result<CheckReport, Failure> {
        Ok(check(self.store(), self.ambient(), self.zone()).await?)
    }

    /// Whether writing works and reading works, right now.
    pub async fn health(&self) -> Health {
        let trouble = self.0.shared.trouble.borrow().clone();
        match self.store().schema().await {
            Ok(Schema { number: schema, is_fit: true }) => Health { trouble, schema },
            Ok(Schema { number: schema, is_fit: false }) => {
                let trouble =
                    format!("the database has schema {schema}, this program is made for {}", expected_schema());
                Health { trouble: Some(trouble), schema }
            }
            Err(error) => Health { trouble: Some(error.to_string()), schema: 0 },
        }
    }

    /// Whether [`Service::stop`] has been called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.stop.borrow()
    }

    /// Delivers nothing more to the outside, then takes nothing new, finishes what has begun, and stops.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let workers = self.0.workers.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Workers { heart, courier, scheduler }) = workers else {
            return;
        };
        drop(scheduler.await);
        drop(courier.await);
        let node = heart.await;
        self.0.lanes.drain().await;
        if let Ok(node) = node {
            node.release(&self.0.shared).await;
        }
    }
}
