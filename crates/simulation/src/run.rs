//! One seed: a database, and the lives of the service on it, one after the other, until the auditor has looked at everything.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kernel::{
    AddMember, Command, Instant, MemberId, NewGrant, Outcome, Overdraft, Profile, Refusal, Role, RoleGrant, Scope,
};
use service::findings;
use service::{
    Ambient, BookSubscriptions, ConsistencyCheck, EndRounds, Failure, FinishErasures, ForgetOldRows, Job, KeyRing, Pay,
    Recharge, RefundDelivery, ReleaseExpiredOrders, SealAudit, Service, Settings, WatchAlerts,
};
use store::{Fate, Store};
use testing::TempDir;

use crate::asked::Asked;
use crate::books::{Books, Order, Wrong};
use crate::clock::Clock;
use crate::hazards::{Counts, Hazards};
use crate::money::{self, Done, Errand};
use crate::outside::Outside;
use crate::people::{People, Wish};
use crate::random::Random;
use crate::stored::Stored;
use crate::trace::Trace;

/// What a run that found nothing came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    /// Of everything that was asked, answered, stored and broken, with its time.
    pub trace: u64,
    /// How often what happened.
    pub counts: Counts,
}

/// What a run has found, and what came before it.
#[derive(Debug)]
pub struct Found {
    pub seed: u64,
    pub what: String,
    recent: VecDeque<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, what, recent } = self;
        writeln!(f, "seed {seed}: {what}\nwhat came before:")?;
        recent.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        write!(f, "repeat it: cargo xtask simulate --seed {seed}")
    }
}

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// How far a clock may lag behind what it has said before. Past a quarter of an hour a new process may write into a stretch of the
/// audit trail that is sealed.
const FARTHEST_BACK_MS: i64 = 14 * MINUTE_MS;
/// What the checks call an order whose meal nobody has closed.
const FORGOTTEN: &str = "EXPIRED_ORDER";
const FILE: &str = "fanpiao.db";
const MOST_RECENT: usize = 24;
/// As much time passes at once while everything comes to its end.
const ROUND_MS: i64 = 3 * HOUR_MS;
/// Longer than it takes a heartbeat to notice that the clock has moved.
const HEARTBEAT: Duration = Duration::from_secs(6);
const LEAST_ROUNDS: u32 = 9;
const MOST_ROUNDS: u32 = 60;
/// What does not reach a payer, or WeChat, is somebody's to look at.
const SETTLED_BY_PEOPLE: [&str; 2] = ["refund_abnormal", "delivery_failed"];
/// After so many tries the database is left in peace, or nobody would ever know.
const MOST_TRIES: u32 = 40;
/// An answer is asked for again while it is sure to be kept.
const KEPT_MS: i64 = 12 * HOUR_MS;

/// Runs one seed from an empty database to its end.
///
/// # Errors
/// What the auditor found wrong.
pub fn run(seed: u64) -> Result<Ran, Box<Found>> {
    let mut simulation = Simulation::new(seed).map_err(|what| Found { seed, what, recent: VecDeque::new() })?;
    let lived = catch_unwind(AssertUnwindSafe(|| simulation.run()));
    let what = match lived {
        Ok(Ok(())) => {
            for (trace, faults) in [simulation.hazards.taken(), simulation.outside.taken()] {
                simulation.trace.add(&trace);
                simulation.counts.extend(faults);
            }
            return Ok(Ran { trace: simulation.trace.value(), counts: simulation.counts });
        }
        Ok(Err(wrong)) => wrong,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
        }
    };
    Err(Box::new(Found { seed, what, recent: simulation.recent }))
}

fn runtime() -> Result<tokio::runtime::Runtime, Wrong> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(|error| format!("no runtime: {error}"))
}

/// A database that a service has begun and left: making its schema, and writing it anew after the first sealing, takes longer than most
/// lives.
fn empty_database() -> Result<&'static [u8], Wrong> {
    static EMPTY: OnceLock<Result<Vec<u8>, Wrong>> = OnceLock::new();
    let make = || {
        let (folder, runtime) = (TempDir::new(), runtime()?);
        let file = folder.join(FILE);
        let store = Store::simulated(&file, Arc::new(|_| Fate::GoesOn));
        let clock = Arc::new(Clock::new(Random::new(0, 2)));
        let mut settings = Settings::new(jiff::tz::TimeZone::UTC);
        settings.keys = keys()?;
        let begun = runtime.block_on(async {
            clock.begin();
            Service::start(store, clock, settings).await?.stop().await;
            Ok::<_, store::Error>(())
        });
        begun.map_err(|error| format!("no schema: {error}"))?;
        drop(runtime);
        std::fs::read(&file).map_err(|error| format!("no database: {error}"))
    };
    EMPTY.get_or_init(make).as_deref().map_err(Clone::clone)
}

fn keys() -> Result<KeyRing, Wrong> {
    KeyRing::parse("key-1=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")
}

struct Simulation {
    folder: TempDir,
    /// The service's, of all its lives.
    store: Store,
    /// Where the auditor reads.
    auditor: Store,
    random: Random,
    clock: Arc<Clock>,
    hazards: Arc<Hazards>,
    outside: Arc<Outside>,
    pay: Arc<Pay>,
    books: Books,
    /// How many wishes of a hundred are for the shop.
    shops: i64,
    zone: jiff::tz::TimeZone,
    house_overdraft: Option<Overdraft>,
    /// What nobody has an answer to yet.
    unanswered: Vec<Asked>,
    /// Of the answers that are outstanding.
    order: Order,
    answered: Vec<(Asked, Result<Outcome, Refusal>)>,
    keys: u64,
    /// Of each who asks.
    own_keys: BTreeMap<Option<MemberId>, u64>,
    /// What the clock has said at most.
    latest_ms: i64,
    steps: i64,
    trace: Trace,
    counts: Counts,
    recent: VecDeque<String>,
}

/// How a life of the service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Crashed,
    Stopped,
    /// It never came to life: the database was away.
    Stillborn,
    /// Nothing is left to be simulated.
    Over,
}

impl Simulation {
    fn new(seed: u64) -> Result<Self, Wrong> {
        let mut random = Random::new(seed, 1);
        let house_overdraft = match random.below(3) {
            0 => Some(Overdraft::NONE),
            1 => Some(Overdraft::from(2500_u32)),
            _ => None,
        };
        let folder = TempDir::new();
        let clock = Arc::new(Clock::new(Random::new(seed, 2)));
        let hazards = Arc::new(Hazards::new(Random::new(seed, 3)));
        let outside = Arc::new(Outside::new(&clock, Random::new(seed, 4))?);
        Ok(Self {
            store: Store::simulated(&folder.join(FILE), hazards.fates()),
            auditor: Store::simulated(&folder.join(FILE), Arc::new(|_| Fate::GoesOn)),
            folder,
            pay: outside.merchant(&clock)?,
            outside,
            clock,
            hazards,
            books: Books::new(house_overdraft),
            shops: Random::new(seed, 5).pick(&[0, 40, 85]).copied().unwrap_or(0),
            zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(8)),
            house_overdraft,
            unanswered: Vec::new(),
            order: Order::Known,
            answered: Vec::new(),
            keys: 0,
            own_keys: BTreeMap::new(),
            latest_ms: 0,
            steps: random.between(40, 90),
            trace: Trace::default(),
            counts: Counts::new(),
            recent: VecDeque::new(),
            random,
        })
    }

    fn run(&mut self) -> Result<(), Wrong> {
        let made = empty_database().map(|empty| std::fs::write(self.folder.join(FILE), empty));
        made?.map_err(|error| format!("no database: {error}"))?;
        loop {
            let runtime = runtime()?;
            let end = runtime.block_on(self.life())?;
            // With it goes whatever was under way, wherever it was.
            drop(runtime);
            self.clock.jump(self.random.between(50, 5000));
            self.say(format!("the service has ended: {end:?}"));
            *self.counts.entry(format!("life {end:?}")).or_default() += 1;
            if end == End::Over {
                return Ok(());
            }
        }
    }

    async fn life(&mut self) -> Result<End, Wrong> {
        self.clock.begin();
        self.hazards.revive();
        let hazards = Arc::clone(&self.hazards);
        let end = tokio::select! {
            biased;
            () = hazards.crashed() => Ok(End::Crashed),
            end = self.live() => end,
        };
        self.clock.end();
        end
    }

    fn settings(&self) -> Result<Settings, Wrong> {
        let recharge = Recharge::default();
        let mut jobs: Vec<Box<dyn Job>> = service::pay_jobs(&recharge);
        jobs.extend(service::cabinet_jobs());
        jobs.push(Box::new(ConsistencyCheck));
        jobs.push(Box::new(SealAudit));
        jobs.push(Box::new(ForgetOldRows { answers_days: 30, sessions_days: 30, job_runs_days: 30, reports_days: 30 }));
        jobs.push(Box::new(ReleaseExpiredOrders { every_ms: MINUTE_MS }));
        jobs.push(Box::new(EndRounds { every_ms: MINUTE_MS }));
        jobs.push(Box::new(FinishErasures));
        jobs.push(Box::new(WatchAlerts));
        jobs.push(Box::new(BookSubscriptions { every_ms: MINUTE_MS }));
        let mut settings = Settings::new(self.zone.clone());
        settings.overdraft_limit = self.house_overdraft;
        settings.keys = keys()?;
        settings.recharge = recharge;
        settings.pay = Some(Arc::clone(&self.pay));
        settings.deliveries.push(Box::new(RefundDelivery));
        settings.jobs = jobs;
        Ok(settings)
    }

    async fn live(&mut self) -> Result<End, Wrong> {
        let store = self.store.clone();
        let ambient: Arc<dyn Ambient> = Arc::<Clock>::clone(&self.clock);
        let service = match Service::start(store, ambient, self.settings()?).await {
            Ok(service) => service,
            Err(error) if self.hazards.is_calm() => return Err(format!("the service does not start: {error}")),
            Err(_) => return Ok(End::Stillborn),
        };
        // Ends with the runtime.
        tokio::spawn(Arc::clone(&self.outside).post(service.clone()));
        if self.books.people.is_empty() {
            self.found(&service).await?;
        }
        self.hazards.calm(false);
        self.learn(&service).await?;
        self.audit().await?;
        let mut lasts = self.random.between(5, 40);
        while self.steps > 0 && lasts > 0 {
            self.steps -= 1;
            lasts -= 1;
            self.step(&service).await?;
        }
        if self.steps > 0 {
            service.stop().await;
            return Ok(End::Stopped);
        }
        self.finish(&service).await?;
        Ok(End::Over)
    }

    /// There is one administrator to begin with.
    async fn found(&mut self, service: &Service) -> Result<(), Wrong> {
        let administrator = RoleGrant { role: Role::Admin.code(), scope: Scope::Everywhere };
        let command = Command::AddMember(AddMember {
            profile: Profile { uid: "uid-0".to_owned(), nickname: "the administrator".to_owned() },
            account: None,
            password_hash: None,
            openid: None,
            department: None,
            overdraft_limit: None,
            grants: vec![NewGrant::As(administrator)],
        });
        self.carry_out(service, vec![((None, command), 1)], Order::Known).await
    }

    async fn step(&mut self, service: &Service) -> Result<(), Wrong> {
        self.pass_time().await;
        self.outside.stir();
        match self.random.below(13) {
            // One at a time, whatever goes wrong.
            0..=5 => {
                let wish = self.people(service).wish()?;
                let copies = if self.random.percent(85) { 1 } else { 2 };
                self.carry_out(service, vec![(wish, copies)], Order::Known).await?;
            }
            // Several at once, and nothing goes wrong: the lane's order is the order of the answers.
            6..=7 => {
                self.hazards.calm(true);
                let wishes = (0..self.random.between(2, 6)).map(|_| self.people(service).wish().map(|wish| (wish, 1)));
                let wishes = wishes.collect::<Result<_, _>>()?;
                self.carry_out(service, wishes, Order::Known).await?;
                self.hazards.calm(false);
            }
            // Several at once, and things go wrong.
            8 => {
                let wishes = (0..self.random.between(2, 6)).map(|_| {
                    let copies = if self.random.percent(85) { 1 } else { 2 };
                    self.people(service).narrow_wish().map(|wish| (wish, copies))
                });
                let wishes = wishes.collect::<Result<_, _>>()?;
                self.carry_out(service, wishes, Order::Open).await?;
            }
            9 => self.ask_again(service).await?,
            _ => self.do_errands(service).await?,
        }
        self.learn(service).await?;
        self.audit().await
    }

    /// Money at WeChat: somebody pays there, and people have things done here, one or several at once.
    async fn do_errands(&mut self, service: &Service) -> Result<(), Wrong> {
        if self.random.percent(40)
            && let Some((number, is_paid)) = self.outside.pay_one(&mut self.random)
        {
            self.say(format!("somebody pays {number}: {is_paid}"));
            self.count("paid at WeChat");
        }
        let mut errands = Vec::new();
        for _ in 0..self.random.between(1, 3) {
            errands.extend(Errand::draw(&mut self.random, &self.books, &mut self.keys)?);
        }
        for errand in &errands {
            self.say(format!("{} wanted: {errand:?}", service.now()));
            if let Some((_, member, amount)) = errand.topped_up() {
                self.books.till.asked(member, amount.cents().get());
            }
        }
        let results = money::run_all(&errands, service).await;
        for (errand, mut result) in errands.iter().zip(results) {
            let mut tries = 0;
            loop {
                self.hear_of_errand(service, errand, &result)?;
                if money::is_known(&result) || !errand.is_asked_again() {
                    break;
                }
                tries += 1;
                self.hazards.calm(tries > MOST_TRIES);
                if tries > 2 * MOST_TRIES {
                    return Err(format!("nobody learns what became of {errand:?}"));
                }
                tokio::time::sleep(Duration::from_millis(700)).await;
                result = errand.run(service).await;
            }
            self.hazards.calm(false);
        }
        Ok(())
    }

    fn hear_of_errand(
        &mut self,
        service: &Service,
        errand: &Errand,
        result: &Result<Done, Failure>,
    ) -> Result<(), Wrong> {
        self.say(format!("{} {errand:?}: {result:?}", service.now()));
        let kind = kind(errand);
        match result {
            Ok(done) => {
                self.count(&format!("{kind} done"));
                if let (Done::Topup(topup), Some((key, member, amount))) = (done, errand.topped_up()) {
                    self.books.till.begun(key, topup, member, amount.cents().get())?;
                }
                if let (Done::Payment(topup), Errand::PayAtWechat { order, .. }) = (done, errand) {
                    self.books.shop_payment_begun(*order, topup)?;
                }
            }
            Err(Failure::Refused(refusal)) => {
                self.count(&format!("{kind} {}", refusal.code().as_str()));
                if !money::is_explained(errand, refusal, &self.books) {
                    return Err(format!("{errand:?} was refused for no reason that the books know: {refusal:?}"));
                }
            }
            Err(Failure::Provider { .. }) => self.count(&format!("{kind} not taken by WeChat")),
            Err(Failure::OutcomeUnknown | Failure::Contended | Failure::Overloaded | Failure::Unavailable { .. }) => {
                self.count(&format!("{kind} unknown"))
            }
            Err(failure) => return Err(format!("an answer that nobody should get: {failure:?}")),
        }
        Ok(())
    }

    fn people<'a>(&'a mut self, service: &Service) -> People<'a> {
        let shops = self.shops;
        People { random: &mut self.random, books: &self.books, now: service.now(), zone: &self.zone, shops }
    }

    /// A while; and now and then the clock is set.
    async fn pass_time(&mut self) {
        let now_ms = self.clock.now().as_millis();
        self.latest_ms = self.latest_ms.max(now_ms);
        let back_ms = (now_ms - (self.latest_ms - FARTHEST_BACK_MS)).min(FARTHEST_BACK_MS - self.clock.lag_ms());
        let by_ms = match self.random.below(100) {
            0..=6 => self.random.between(1, 90) * MINUTE_MS,
            7..=8 => self.random.between(1, 30) * HOUR_MS,
            9 => -self.random.between(0, back_ms / SECOND_MS) * SECOND_MS,
            _ => 0,
        };
        if by_ms > 0 {
            self.clock.jump(by_ms);
            if self.random.percent(50) {
                self.clock.set_right();
            }
            self.say(format!("{by_ms} ms pass, and the clock is behind by {} ms", self.clock.lag_ms()));
        }
        if by_ms < 0 {
            self.clock.lag(-by_ms);
            self.say(format!("the clock is set by {by_ms} ms"));
        }
        let most = if by_ms == 0 { 1500 } else { 4000 };
        let ms = self.random.between(0, most);
        tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
    }

    fn say(&mut self, line: String) {
        self.trace.add(&line);
        if self.recent.len() == MOST_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(line);
    }

    /// Sends everything at once, each as often as it says, and takes the answers down as they come.
    async fn carry_out(&mut self, service: &Service, wishes: Vec<(Wish, u32)>, order: Order) -> Result<(), Wrong> {
        self.order = order;
        let mut running = FuturesUnordered::new();
        for ((by, command), copies) in wishes {
            self.keys += 1;
            let own_keys = self.own_keys.entry(by).or_default();
            *own_keys += 1;
            let asked = Asked { command, by, key: self.keys, own_key: *own_keys, at: service.now(), open: copies };
            self.say(format!("{} asks ({}): {:?}", name(&asked), asked.key, asked.command));
            for _ in 0..copies {
                let (service, request, key) = (service.clone(), asked.request(), asked.key);
                running.push(async move { (key, service.run(request).await) });
            }
            self.unanswered.push(asked);
        }
        while let Some((key, result)) = running.next().await {
            self.hear(service, key, result)?;
        }
        self.unanswered.retain(|asked| asked.open > 0);
        Ok(())
    }

    fn hear(&mut self, service: &Service, key: u64, result: Result<Outcome, Failure>) -> Result<(), Wrong> {
        self.say(format!("{} ({key}): {result:?}", service.now()));
        let answer = match result {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(Failure::OutcomeUnknown) => {
                self.count("unknown outcome");
                return Ok(());
            }
            // Nothing was done, as these say.
            Err(Failure::Contended | Failure::Overloaded | Failure::Unavailable { .. }) => {
                self.count("turned away");
                let asked = self.unanswered.iter_mut().find(|asked| asked.key == key);
                asked.into_iter().for_each(|asked| asked.open = asked.open.saturating_sub(1));
                return Ok(());
            }
            Err(failure) => return Err(format!("an answer that nobody should get: {failure:?}")),
        };
        if let Some((_, before)) = self.answered.iter().find(|(asked, _)| asked.key == key) {
            // By what they show: an answer that is kept has no round's secret in it.
            return match format!("{before:?}") == format!("{answer:?}") {
                true => Ok(()),
                false => Err(format!("the same request was answered by {before:?}, and then by {answer:?}")),
            };
        }
        let Some(at) = self.unanswered.iter().position(|asked| asked.key == key) else {
            return Err(format!("nobody asked for {key}"));
        };
        let asked = self.unanswered.remove(at);
        match &answer {
            Ok(outcome) => {
                self.count(&format!("{} done", kind(&asked.command)));
                self.books.done(&asked, outcome, service.now(), self.order)?;
            }
            Err(refusal) => {
                self.count(&format!("{} {}", kind(&asked.command), refusal.code().as_str()));
                if self.order == Order::Known {
                    self.books.refused(&asked, refusal, service.now())?;
                }
            }
        }
        self.answered.push((asked, answer));
        Ok(())
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// Asks again for what nobody knows the end of, until it is known.
    async fn learn(&mut self, service: &Service) -> Result<(), Wrong> {
        let mut tries = 0;
        while let Some(asked) = self.unanswered.first_mut() {
            asked.open += 1;
            let (key, request) = (asked.key, asked.request());
            let result = service.run(request).await;
            self.hear(service, key, result)?;
            tries += 1;
            if tries > MOST_TRIES {
                self.hazards.calm(true);
            }
            if tries > 2 * MOST_TRIES {
                return Err(format!("nobody learns what became of {key}"));
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        self.hazards.calm(false);
        Ok(())
    }

    /// A message that comes once more, late: it gets the answer that it got.
    async fn ask_again(&mut self, service: &Service) -> Result<(), Wrong> {
        let now = service.now().as_millis();
        let kept = |asked: &Asked| (now - asked.at.as_millis()).abs() < KEPT_MS;
        let kept: Vec<Asked> = self.answered.iter().map(|(asked, _)| asked.clone()).filter(kept).collect();
        let Some(asked) = self.random.pick(&kept).cloned() else { return Ok(()) };
        self.say(format!("{} asks once more ({})", name(&asked), asked.key));
        self.count("asked once more");
        let result = service.run(asked.request()).await;
        self.hear(service, asked.key, result)
    }

    /// Reads past the service, and past all hazards.
    async fn audit(&mut self) -> Result<(), Wrong> {
        // Nobody else may do anything between two of its queries.
        let stored = tokio::task::unconstrained(Stored::read(&self.auditor)).await;
        let stored = stored.map_err(|error| format!("the auditor cannot read: {error}"))?;
        self.trace.add(&stored);
        let (payments, refunds) = (self.outside.payments(), self.outside.refunds());
        let moved = self.books.till.take(&stored.topups, &stored.refunds, &payments, &refunds)?;
        self.books.moved(&moved);
        self.latest_ms = self.latest_ms.max(self.clock.now().as_millis());
        self.books.compare(&stored, Instant::from_millis(self.latest_ms))?;
        let told = self.books.take_told();
        if !told.is_empty() {
            let had =
                Stored::balances(&self.auditor).await.map_err(|error| format!("the auditor cannot read: {error}"))?;
            if let Some((account, balance)) =
                told.iter().find(|(account, balance)| !had.contains(&(account.get(), *balance)))
            {
                return Err(format!("{balance} was told of account {account:?}, which has never held that"));
            }
        }
        // WeChat does nothing here that a person would have to settle, but for what does not reach a payer.
        let odd = stored.exceptions.keys().find(|(kind, _)| !SETTLED_BY_PEOPLE.contains(&kind.as_str()));
        odd.map_or(Ok(()), |odd| Err(format!("a person would have to settle what is in order: {odd:?}")))
    }

    /// All that is on its way at WeChat comes to its end: nothing goes wrong any more, days pass, and both books are the same.
    async fn settle_with_wechat(&mut self) -> Result<(), Wrong> {
        if !self.books.till.is_used() && !self.books.shop.is_used() {
            return Ok(());
        }
        self.outside.calm();
        self.clock.set_right();
        for round in 0..MOST_ROUNDS {
            // A process that has slept for hours has to find itself again first; nobody sleeps here.
            self.outside.hold_post(true);
            self.clock.jump(ROUND_MS);
            tokio::time::sleep(HEARTBEAT).await;
            self.outside.hold_post(false);
            self.outside.put_refunds_right();
            tokio::time::sleep(Duration::from_secs(2)).await;
            self.audit().await?;
            let open = self.books.till.open(&self.outside.payments(), &self.outside.refunds());
            let open = open.or_else(|| self.books.shop.open(self.clock.now()));
            match open {
                // The daily bill has been looked at by then.
                None if round >= LEAST_ROUNDS => break,
                Some(open) if round + 1 == MOST_ROUNDS => return Err(open),
                _ => {}
            }
        }
        self.count("settled with WeChat");
        Ok(())
    }

    /// Lets everything come to its end, and has the service check itself.
    async fn finish(&mut self, service: &Service) -> Result<(), Wrong> {
        self.hazards.calm(true);
        tokio::time::sleep(Duration::from_secs(20)).await;
        self.audit().await?;
        self.settle_with_wechat().await?;
        let report = service.check().await.map_err(|failure| format!("the books cannot be checked: {failure:?}"))?;
        // Nobody need ever close a meal whose day is over, and the checks tell of it.
        let is_forgotten = |finding: &findings::Status| finding.inconsistency_type == FORGOTTEN;
        let statuses = &report.checks.order_status.details;
        let others = report.counts().into_iter().filter(|(check, _)| *check != "order_status");
        if others.map(|(_, count)| count).sum::<u64>() > 0 || !statuses.iter().all(is_forgotten) {
            return Err(format!("the service finds fault with itself: {report:?}"));
        }
        service.stop().await;
        self.audit().await?;
        for what in self.books.shop.came_to() {
            self.count(&what);
        }
        Ok(())
    }
}

fn name(asked: &Asked) -> String {
    asked.by.map_or_else(|| "the house".to_owned(), |member| format!("member {}", member.get()))
}

/// What a command, or an errand, is called.
fn kind(command: &impl fmt::Debug) -> String {
    let text = format!("{command:?}");
    let (place, text) = text.strip_prefix("Shop(").map_or(("", text.as_str()), |rest| ("shop ", rest));
    format!("{place}{}", text.split(['(', ' ', '{']).next().unwrap_or_default())
}
