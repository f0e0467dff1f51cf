//! WeChat beside the house: `sim::unplugged` answers the real client's calls, and this decides what becomes of each on its way, and
//! of the notifications that come back.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use service::{CallbackRefused, Pay, Service};
use sim::unplugged::{self, Mishap, Notification, Payment, Refund, Unplugged};
use sim::{RefundOutcome, Settings};
use wechat::pay::{Config, Merchant, PublicKey};
use wechat::{Answer, Broken, Call, Carrying, Line, TransportConfig, UnixTime};

use crate::books::Wrong;
use crate::clock::Clock;
use crate::hazards::Counts;
use crate::random::Random;
use crate::trace::Trace;

pub(crate) struct Outside {
    wechat: Unplugged,
    state: Mutex<State>,
}

struct State {
    random: Random,
    /// One call or notification in so many meets trouble; none where it is zero.
    one_in: i64,
    is_calm: bool,
    holds_post: bool,
    trace: Trace,
    counts: Counts,
}

/// What becomes of a call.
struct Passage {
    out_ms: i64,
    back_ms: i64,
    never_leaves: bool,
    mishap: Option<Mishap>,
    /// The payer pays before the house hears that the order was taken.
    is_paid_at_once: bool,
}

/// What becomes of a notification.
#[derive(Debug, Clone, Copy)]
enum Delivery {
    Arrives,
    Late(i64),
    Twice,
    Lost,
    /// It arrives, and WeChat does not hear that it did.
    Unheard,
}

const ADDRESS: &str = "http://wechat.invalid";
const HOUSE: &str = "http://house.invalid/api/v1";
/// How often the post looks what is due.
const POST: Duration = Duration::from_millis(500);
/// Longer than the house waits for an answer.
const TOO_LONG_MS: i64 = 15_000;

impl Outside {
    pub(crate) fn new(clock: &Arc<Clock>, mut random: Random) -> Result<Self, Wrong> {
        let source = Arc::clone(clock);
        let wechats = sim::Clock::from_source(move || source.true_ms());
        let wechat = Unplugged::new(ADDRESS, wechats, Settings::default());
        let wechat = wechat.map_err(|error| format!("there is no WeChat: {error}"))?;
        let one_in = random.pick(&[0, 20, 6, 3]).copied().unwrap_or(0);
        let state =
            State { random, one_in, is_calm: false, holds_post: false, trace: Trace::default(), counts: Counts::new() };
        Ok(Self { wechat, state: Mutex::new(state) })
    }

    /// The house as a merchant, with the real client over this line.
    pub(crate) fn merchant(self: &Arc<Self>, clock: &Arc<Clock>) -> Result<Arc<Pay>, Wrong> {
        let clock = Arc::clone(clock);
        let merchant = Merchant::new(Config {
            base_url: ADDRESS.to_owned(),
            mchid: sim::pay::MCHID.to_owned(),
            certificate_serial: sim::pay::MERCHANT_SERIAL.to_owned(),
            private_key_pem: sim::pay::MERCHANT_PRIVATE_KEY_PEM.into(),
            apiv3_key: sim::pay::APIV3_KEY.into(),
            apiv2_key: None,
            public_keys: vec![PublicKey {
                id: sim::pay::PUBLIC_KEY_ID.to_owned(),
                pem: sim::pay::PUBLIC_KEY_PEM.to_owned(),
            }],
            certificates: Vec::new(),
            transport: TransportConfig { line: Some(Arc::new(Wire(Arc::clone(self)))), ..TransportConfig::default() },
            clock: Arc::new(move || UnixTime::from_secs(service::Ambient::now(clock.as_ref()).as_millis() / 1000)),
        });
        let merchant = merchant.map_err(|error| format!("there is no merchant: {error}"))?;
        Ok(Arc::new(Pay {
            merchant,
            appid: sim::APPID.to_owned(),
            notify_url: HOUSE.to_owned(),
            description: "a top-up".to_owned(),
            score: None,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on whatever is said arrives, at once and once, and refunds reach the payers.
    pub(crate) fn calm(&self) {
        self.state().is_calm = true;
        self.wechat.set_settings(Settings::default());
    }

    /// Nothing is brought for a while.
    pub(crate) fn hold_post(&self, holds: bool) {
        self.state().holds_post = holds;
    }

    /// WeChat changes its mind about what it does with notifications and refunds.
    pub(crate) fn stir(&self) {
        let mut state = self.state();
        if state.is_calm || state.one_in == 0 {
            return;
        }
        let refund_outcome = match state.random.below(12) {
            0 => RefundOutcome::Abnormal,
            1..=2 => RefundOutcome::Closed,
            _ => RefundOutcome::Success,
        };
        let lose_notifications = state.random.percent(20);
        let merchant_is_broke = state.random.percent(10);
        let refund_after_s = u32::try_from(state.random.between(0, 600)).unwrap_or(0);
        self.wechat.set_settings(Settings {
            refund_outcome,
            lose_notifications,
            merchant_is_broke,
            refund_after_s,
            ..Settings::default()
        });
    }

    /// Somebody pays one of the orders that can be paid.
    pub(crate) fn pay_one(&self, random: &mut Random) -> Option<(String, bool)> {
        let unpaid = self.wechat.unpaid();
        let number = random.pick(&unpaid)?.clone();
        let is_paid = self.wechat.pay(&number).is_ok();
        Some((number, is_paid))
    }

    /// Somebody at WeChat puts right what was wrong with each refund.
    pub(crate) fn put_refunds_right(&self) {
        for refund in self.refunds().iter().filter(|refund| refund.ended == Some(RefundOutcome::Abnormal)) {
            self.wechat.end_refund(&refund.out_refund_no, RefundOutcome::Success);
        }
    }

    pub(crate) fn payments(&self) -> Vec<Payment> {
        self.wechat.payments()
    }

    pub(crate) fn refunds(&self) -> Vec<Refund> {
        self.wechat.refunds()
    }

    pub(crate) fn taken(&self) -> (u64, Counts) {
        let state = self.state();
        (state.trace.value(), state.counts.clone())
    }

    /// Brings the notifications that are due, for as long as the service lives.
    pub(crate) async fn post(self: Arc<Self>, service: Service) {
        loop {
            let due = if self.state().holds_post { Vec::new() } else { self.wechat.due() };
            for notification in due {
                let delivery = self.state().delivery(notification.url());
                let letter = Letter { outside: Arc::clone(&self), notification, status: None };
                tokio::spawn(bring(letter, delivery, service.clone()));
            }
            tokio::time::sleep(POST).await;
        }
    }

    async fn carry(&self, call: Call) -> Result<Answer, Broken> {
        let Call { method, url, headers, body, .. } = call;
        let what = format!("{method} {}", url.path());
        let passage = self.state().passage(&what);
        sleep(passage.out_ms).await;
        if passage.never_leaves {
            return Err(Broken::Before);
        }
        let number = order_asked_for(&what, &body);
        let call = unplugged::Call { method, url, headers, body };
        let answer = self.wechat.answer(call, passage.mishap).await;
        if let Some(number) = number.filter(|_| passage.is_paid_at_once) {
            let paid = self.wechat.pay(&number);
            self.state().trace.add(&paid);
        }
        sleep(passage.back_ms).await;
        let unplugged::Answer { status, headers, body } = answer.ok_or(Broken::After)?;
        Ok(Answer { status, headers, body })
    }
}

/// The number of the order that a call wants to be made payable.
fn order_asked_for(what: &str, body: &[u8]) -> Option<String> {
    let makes_payable = ["POST /v3/pay/transactions/native", "POST /v3/pay/transactions/h5"].contains(&what);
    let text = std::str::from_utf8(body).ok().filter(|_| makes_payable)?;
    let (_, rest) = text.split_once("\"out_trade_no\":\"")?;
    rest.split('"').next().map(str::to_owned)
}

impl State {
    fn has_trouble(&mut self) -> bool {
        !self.is_calm && self.one_in > 0 && self.random.once_in(self.one_in)
    }

    fn count(&mut self, what: String) {
        self.trace.add(&what);
        *self.counts.entry(what).or_default() += 1;
    }

    fn passage(&mut self, what: &str) -> Passage {
        self.trace.add(&what);
        let mut passage = Passage {
            out_ms: self.random.between(1, 200),
            back_ms: self.random.between(1, 200),
            never_leaves: false,
            mishap: None,
            is_paid_at_once: !self.is_calm && self.random.percent(12),
        };
        if self.has_trouble() {
            match self.random.below(10) {
                0 => passage.never_leaves = true,
                1 => passage.out_ms = TOO_LONG_MS,
                2 => passage.back_ms = TOO_LONG_MS,
                _ => passage.mishap = self.random.pick(&Mishap::ALL).copied(),
            }
            let trouble = match passage.mishap {
                Some(mishap) => format!("call {mishap:?}"),
                None if passage.never_leaves => "call NeverLeft".to_owned(),
                None => "call TooLate".to_owned(),
            };
            self.count(trouble);
        }
        passage
    }

    fn delivery(&mut self, url: &str) -> Delivery {
        self.trace.add(&url);
        if !self.has_trouble() {
            return Delivery::Arrives;
        }
        let delivery = match self.random.below(4) {
            0 => Delivery::Late(self.random.between(1, 240) * 1000),
            1 => Delivery::Twice,
            2 => Delivery::Lost,
            _ => Delivery::Unheard,
        };
        let name = match delivery {
            Delivery::Late(_) => "Late".to_owned(),
            other => format!("{other:?}"),
        };
        self.count(format!("notification {name}"));
        delivery
    }
}

async fn sleep(ms: i64) {
    tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
}

/// What is not noted as taken as it goes, with its process or otherwise, comes again.
struct Letter {
    outside: Arc<Outside>,
    notification: Notification,
    status: Option<u16>,
}

impl Drop for Letter {
    fn drop(&mut self) {
        self.outside.wechat.note(&self.notification, self.status);
    }
}

async fn bring(mut letter: Letter, delivery: Delivery, service: Service) {
    let status = match delivery {
        Delivery::Lost => None,
        Delivery::Arrives => Some(hand_over(&letter.notification, &service).await),
        Delivery::Late(ms) => {
            sleep(ms).await;
            Some(hand_over(&letter.notification, &service).await)
        }
        Delivery::Twice => {
            let (one, other) = (hand_over(&letter.notification, &service), hand_over(&letter.notification, &service));
            Some(tokio::join!(biased; one, other).0)
        }
        Delivery::Unheard => {
            hand_over(&letter.notification, &service).await;
            None
        }
    };
    letter.outside.state().trace.add(&status);
    letter.status = status;
}

/// As the endpoints of `crates/http` do.
async fn hand_over(notification: &Notification, service: &Service) -> u16 {
    let source = if notification.url().ends_with("/refund") { "wechat-refund" } else { "wechat-pay" };
    match service.take_callback(source, |name| notification.header(name), notification.body()).await {
        Ok(()) => 204,
        Err(CallbackRefused::Unverified(_)) => 401,
        Err(CallbackRefused::NotKept) => 500,
    }
}

struct Wire(Arc<Outside>);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Line for Wire {
    fn carry(&self, call: Call) -> Carrying<'_> {
        Box::pin(self.0.carry(call))
    }
}
