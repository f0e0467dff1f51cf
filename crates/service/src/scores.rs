//! Pay score orders: what is owed to WeChat for an opening is asked for, and whatever WeChat says becomes a command. Each is asked for under
//! the number of its opening and in the same words, however often.

use kernel::{
    Bought, CabinetCommand, CabinetPay, Cents, Command, Date, DoorSession, DoorSessionId, ExceptionAction,
    ExceptionKind, Instant, MemberId, NoteScore, Noun, Outcome, PaymentSource, Refusal, ScoreCharge, ScoreEnd,
    ScoreOrder, ScoreSeen, ScoreState, Settled,
};
use store::OutboxRow;
use store::queries::cabinets;
use wechat::pay::{Fen, RefundOf, TradeRow};
use wechat::payscore::{
    Completion, NewServiceOrder, PaymentRow, PermissionState, RiskFund, Service as ScoreService, ServiceOrder,
    ServiceState, Start, Whose,
};
use wechat::{Secret, UnixTime};

use crate::cabinets::session_of;
use crate::jobs::counts;
use crate::pay::{Pay, instant};
use crate::{Delivering, Delivery, Failure, Job, Ran, Request, Schedule, Service, crash};

const MINUTE_MS: i64 = 60_000;
const MOST_AT_ONCE: i64 = 50;
/// What the member reads at WeChat. Asked for again, an order has to say the same.
const INTRODUCTION: &str = "智能柜购物";
const CANCELLED: &str = "未开门或未取走商品";
const CORRECTED: &str = "更正商品数量";
/// The lines that WeChat takes, the longest name among them, and the most pieces in one.
const MOST_LINES: usize = 100;
const LONGEST_NAME: usize = 30;
const MOST_PIECES: i64 = 100;

impl Service {
    fn score_service(&self) -> Result<(&Pay, &ScoreService), Failure> {
        let pay = self.pay()?;
        let missing = || Failure::Provider { reason: "no pay score service is configured".to_owned() };
        Ok((pay, pay.score.as_ref().ok_or_else(missing)?))
    }

    /// Whether WeChat lets orders of a member's run without a confirmation of each.
    pub async fn allows_score(&self, member: MemberId) -> Result<bool, Failure> {
        let Some((pay, service)) = self.pay_settings().and_then(|pay| Some((pay, pay.score.as_ref()?))) else {
            return Err(Refusal::PayScoreMissing.into());
        };
        let whose = Whose::Openid(self.member_openid(member).await?);
        let permission = pay.merchant.query_permission(service, &whose).await;
        let permission = permission.map_err(|error| Failure::Provider { reason: error.to_string() })?;
        Ok(permission.state == PermissionState::Available)
    }

    /// Begins to ask for a member's permission: what the mini program opens WeChat's page with. Whether the member gives it shows when a
    /// door is asked for.
    pub async fn ask_for_score_permission(&self, member: MemberId) -> Result<Secret, Failure> {
        let Some((pay, service)) = self.pay_settings().and_then(|pay| Some((pay, pay.score.as_ref()?))) else {
            return Err(Refusal::PayScoreMissing.into());
        };
        self.member_openid(member).await?;
        let notify_url = format!("{}/callbacks/wechat/pay", pay.notify_url);
        let token = pay.merchant.apply_permission(service, &self.new_number("AUTH"), &notify_url).await;
        token.map_err(|error| Failure::Provider { reason: error.to_string() })
    }

    /// Asks WeChat now whether it has collected what an opening came to.
    pub async fn ask_about_score(&self, session: DoorSessionId) -> Result<(), Failure> {
        match cabinets::score(self.store(), session).await? {
            Some(score) => self.look_at_score(&score).await.map(drop),
            None => Ok(()),
        }
    }

    async fn existing_session(&self, session: DoorSessionId) -> Result<DoorSession, Failure> {
        let session = cabinets::session(self.store(), session).await?;
        session.ok_or_else(|| Refusal::NotFound { noun: Noun::DoorSession }.into())
    }

    /// Asks WeChat for what the order wants of it.
    async fn ask_for_score(&self, score: &ScoreOrder, session: &DoorSession) -> Result<ScoreOrder, Failure> {
        let (pay, service) = self.score_service()?;
        let number = session.session_no.as_str();
        let asked = match &score.state {
            ScoreState::Starting => {
                let order = self.new_order(pay, score, session).await?;
                pay.merchant.start_service_order(service, &order).await.map(|order| seen(&order, PaymentSource::Query))
            }
            ScoreState::Completing(charge) => {
                let end_time = UnixTime::from_secs(charge.ended_at.as_millis().div_euclid(1000));
                let payments = self.payments(charge).await?;
                let completion = Completion { payments, discounts: Vec::new(), end_time };
                let completed = pay.merchant.complete_service_order(service, number, &completion).await;
                completed.map(|order| seen(&order, PaymentSource::Query))
            }
            ScoreState::Lowering { charge, .. } => {
                let payments = self.payments(charge).await?;
                let lowered = pay.merchant.modify_service_order(service, number, &payments, &[], CORRECTED).await;
                lowered.map(|order| seen(&order, PaymentSource::Query))
            }
            ScoreState::Cancelling => {
                let cancelled = pay.merchant.cancel_service_order(service, number, CANCELLED).await;
                cancelled.map(|()| ScoreSeen::Ended(ScoreEnd::Revoked))
            }
            _ => return Ok(score.clone()),
        };
        crash::at("score-asked");
        let saw = match asked {
            Ok(saw) => saw,
            Err(error) if error.outcome() == wechat::Outcome::Refused && !error.is_rate_limited() => {
                self.after_refusal(score, session, error.to_string()).await?
            }
            Err(error) => {
                tracing::warn!(session_no = number, %error, "nobody knows what became of a pay score order");
                ScoreSeen::Unknown
            }
        };
        self.note_score(session, saw).await
    }

    /// WeChat may refuse because it has done already what it is asked for.
    async fn after_refusal(
        &self,
        score: &ScoreOrder,
        session: &DoorSession,
        error: String,
    ) -> Result<ScoreSeen, Failure> {
        tracing::warn!(session_no = session.session_no, error, "WeChat refuses what a pay score order wants");
        Ok(match (self.query_score(session, PaymentSource::Query).await?, &score.state) {
            (ScoreSeen::Ended(ScoreEnd::Missing), ScoreState::Starting)
            | (ScoreSeen::Running, ScoreState::Completing(_)) => ScoreSeen::Refused { error },
            (saw, _) => saw,
        })
    }

    async fn query_score(&self, session: &DoorSession, source: PaymentSource) -> Result<ScoreSeen, Failure> {
        let (pay, service) = self.score_service()?;
        Ok(match pay.merchant.query_service_order(service, &session.session_no).await {
            Ok(order) => seen(&order, source),
            Err(error) if error.is_definite() && error.is_not_found() => ScoreSeen::Ended(ScoreEnd::Missing),
            Err(error) => {
                tracing::warn!(session_no = session.session_no, %error, "a pay score order cannot be asked about");
                ScoreSeen::Unknown
            }
        })
    }

    /// Asks WeChat about an order, and for what has not come about yet.
    async fn look_at_score(&self, score: &ScoreOrder) -> Result<ScoreOrder, Failure> {
        let session = self.existing_session(score.session).await?;
        let saw = self.query_score(&session, PaymentSource::Compensation).await?;
        let is_awaited = session.due_at.is_some_and(|due_at| self.now() < due_at);
        match (&score.state, &saw) {
            (ScoreState::Completing(_) | ScoreState::Cancelling, ScoreSeen::Running) => {
                self.ask_for_score(score, &session).await
            }
            (ScoreState::Lowering { from, .. }, ScoreSeen::Collecting { total }) if from == total => {
                self.ask_for_score(score, &session).await
            }
            (ScoreState::Starting, ScoreSeen::Ended(ScoreEnd::Missing)) if is_awaited => {
                self.ask_for_score(score, &session).await
            }
            _ => self.note_score(&session, saw).await,
        }
    }

    async fn note_score(&self, session: &DoorSession, saw: ScoreSeen) -> Result<ScoreOrder, Failure> {
        let note = NoteScore { session: session.id, device: session.device, member: session.member, saw };
        let noted = self.run(Request::by_house(Command::Cabinet(CabinetCommand::NoteScore(note)))).await?;
        crash::at("score-noted");
        match noted {
            Outcome::ScoreOrder { score } => Ok(score),
            other => Err(Failure::Internal { reason: format!("a pay score order's command answered {other:?}") }),
        }
    }

    /// A notification that an order of ours was begun or paid.
    pub(crate) async fn note_service_order(&self, order: &ServiceOrder) -> Result<(), Failure> {
        let service = self.pay_settings().and_then(|pay| pay.score.as_ref());
        let is_ours =
            service.is_some_and(|service| order.appid == service.appid && order.service_id == service.service_id);
        let session = session_of(self.store(), &order.out_order_no).await?;
        match session.filter(|session| is_ours && session.pay == CabinetPay::Wechat) {
            Some(session) => self.note_score(&session, seen(order, PaymentSource::Callback)).await.map(drop),
            None => {
                tracing::error!(
                    out_order_no = order.out_order_no,
                    "WeChat tells of a pay score order that is not ours"
                );
                Ok(())
            }
        }
    }

    /// What the daily bill says of a payment for an opening is held against the books, and made up for where nobody has told of it.
    pub(crate) async fn compare_collected(
        &self,
        row: &TradeRow,
        number: &str,
        ours: Option<&ScoreOrder>,
    ) -> Result<Settled, Failure> {
        let total = Cents::new(row.order_total.0);
        let session = session_of(self.store(), number).await?.filter(|session| session.pay == CabinetPay::Wechat);
        let fits = |score: &ScoreOrder, session: &DoorSession| {
            score.session == session.id && score.state.charge().is_some_and(|charge| charge.total == total)
        };
        let (transaction_id, paid_at, source) = (row.transaction_id.clone(), instant(row.at), PaymentSource::Bill);
        match (session, ours) {
            (Some(session), Some(score)) if fits(score, &session) => Ok(Settled::Already),
            (Some(session), None) => {
                let was_paid =
                    cabinets::score(self.store(), session.id).await?.is_some_and(|score| score.receipt().is_some());
                let after =
                    self.note_score(&session, ScoreSeen::Paid { total, transaction_id, paid_at, source }).await?;
                let is_paid = after.receipt().is_some_and(|receipt| receipt.transaction_id == row.transaction_id);
                Ok(match (was_paid, is_paid) {
                    (false, true) => Settled::Credited,
                    (true, true) => Settled::Already,
                    _ => Settled::Parked,
                })
            }
            _ => {
                let evidence = serde_json::json!({
                    "session_no": number, "transaction_id": transaction_id, "paid_cents": total, "paid_at": paid_at,
                    "source": source, "books_cents": ours.and_then(|score| score.state.charge()).map(|charge| charge.total),
                });
                self.raise(ExceptionKind::PayScoreMismatch, number, &evidence, ExceptionAction::Dismiss).await?;
                Ok(Settled::Parked)
            }
        }
    }

    /// The books have a payment for an opening that the bill of its day does not have.
    pub(crate) async fn tell_of_missing_payment(&self, score: &ScoreOrder, day: Date) -> Result<(), Failure> {
        let session = self.existing_session(score.session).await?;
        let evidence = serde_json::json!({
            "session_no": session.session_no, "session_id": session.id, "date": day, "state": score.state,
            "transaction_id": score.receipt().map(|receipt| &receipt.transaction_id),
        });
        self.raise(ExceptionKind::NotInBill, &session.session_no, &evidence, ExceptionAction::Dismiss).await.map(drop)
    }

    async fn new_order(
        &self,
        pay: &Pay,
        score: &ScoreOrder,
        session: &DoorSession,
    ) -> Result<NewServiceOrder, Failure> {
        let device = cabinets::device(self.store(), session.device).await?;
        let device = device.ok_or(Refusal::NotFound { noun: Noun::Device })?;
        Ok(NewServiceOrder {
            out_order_no: session.session_no.clone(),
            introduction: INTRODUCTION.to_owned(),
            start: Start::Permitted(self.member_openid(session.member).await?),
            risk_fund: RiskFund { name: "ESTIMATE_ORDER_COST".to_owned(), amount: Fen(score.most.get()) },
            start_location: None,
            device: Some(device.code.as_str().to_owned()),
            notify_url: format!("{}/callbacks/wechat/pay", pay.notify_url),
            attach: None,
        })
    }

    async fn payments(&self, charge: &ScoreCharge) -> Result<Vec<PaymentRow>, Failure> {
        match charge.order.filter(|_| charge.total.is_positive()) {
            None => Ok(Vec::new()),
            Some(order) => {
                let order = cabinets::order(self.store(), order).await?;
                Ok(lines(&order.ok_or(Refusal::NotFound { noun: Noun::Order })?.items))
            }
        }
    }

    /// The payment by which WeChat has collected for an opening, and how much it was.
    pub(crate) async fn collected_payment(&self, session: DoorSessionId) -> Result<(RefundOf, Cents), Failure> {
        match cabinets::score(self.store(), session).await?.map(|score| score.state) {
            Some(ScoreState::Paid { charge, receipt }) => {
                Ok((RefundOf::TransactionId(receipt.transaction_id), charge.total))
            }
            _ => Err(Refusal::NotFound { noun: Noun::ScoreOrder }.into()),
        }
    }
}

/// What was taken, in WeChat's words. What does not fit into its lines is one line together.
fn lines(items: &[Bought]) -> Vec<PaymentRow> {
    let cost = |item: &Bought| item.price.get() * item.quantity;
    let short = |name: String| name.chars().take(LONGEST_NAME).collect::<String>();
    let line = |item: &Bought| {
        let name = item.name_zh.as_str();
        match u32::try_from(item.quantity) {
            Ok(pieces) if item.quantity <= MOST_PIECES => {
                PaymentRow::goods(short(name.to_owned()), Fen(cost(item)), pieces)
            }
            _ => PaymentRow::goods(short(format!("{} 件 {name}", item.quantity)), Fen(cost(item)), 1),
        }
    };
    let fits = if items.len() > MOST_LINES { MOST_LINES - 1 } else { items.len() };
    let (named, rest) = items.split_at(fits);
    let mut lines: Vec<_> = named.iter().map(line).collect();
    if !rest.is_empty() {
        lines.push(PaymentRow::goods("其他商品", Fen(rest.iter().map(cost).sum()), 1));
    }
    lines
}

fn seen(order: &ServiceOrder, source: PaymentSource) -> ScoreSeen {
    let total = Cents::new(order.total_amount.map_or(0, |total| total.0));
    match &order.state {
        ServiceState::Created => ScoreSeen::Unconfirmed,
        ServiceState::Confirmed => ScoreSeen::Running,
        ServiceState::Completed => ScoreSeen::Collecting { total },
        ServiceState::Done if total == Cents::ZERO => ScoreSeen::Ended(ScoreEnd::Free),
        ServiceState::Done => paid(order, total, source),
        ServiceState::Revoked => ScoreSeen::Ended(ScoreEnd::Revoked),
        ServiceState::Expired => ScoreSeen::Ended(ScoreEnd::Expired),
        ServiceState::Other(word) => {
            tracing::warn!(
                out_order_no = order.out_order_no,
                word,
                "a pay score order is in a state that nobody knows"
            );
            ScoreSeen::Unknown
        }
    }
}

fn paid(order: &ServiceOrder, total: Cents, source: PaymentSource) -> ScoreSeen {
    let details = order.collection.as_ref().map_or(&[][..], |collection| &collection.details);
    match details {
        [detail] if order.is_paid() && detail.amount.0 == total.get() => {
            match (&detail.transaction_id, detail.paid_time) {
                (Some(transaction_id), Some(paid_time)) => ScoreSeen::Paid {
                    total,
                    transaction_id: transaction_id.clone(),
                    paid_at: instant(paid_time),
                    source,
                },
                _ => ScoreSeen::Odd { said: format!("paid outside WeChat: {details:?}") },
            }
        }
        _ => ScoreSeen::Odd { said: format!("done with {details:?}") },
    }
}

/// Carries to WeChat what a pay score order wants of it.
pub struct ScoreDelivery;

impl Delivery for ScoreDelivery {
    fn topic(&self) -> &'static str {
        "pay-score"
    }

    fn deliver<'a>(&'a self, service: &'a Service, message: &'a OutboxRow) -> Delivering<'a> {
        Box::pin(async move {
            let body: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
            let (Some(id), Some(state)) = (body["session_id"].as_i64(), body["state"].as_str()) else {
                return Err("the message names no pay score order".to_owned().into());
            };
            match service.deliver_score(DoorSessionId::new(id), state).await {
                Ok(true) => Ok(()),
                Ok(false) => Err("nobody knows what WeChat has done".to_owned().into()),
                Err(failure) => Err(format!("{failure:?}").into()),
            }
        })
    }
}

impl Service {
    /// Whether nothing has to be asked again soon. Only a member before a shut door cannot wait for the job.
    async fn deliver_score(&self, session: DoorSessionId, state: &str) -> Result<bool, Failure> {
        let score = cabinets::score(self.store(), session).await?;
        let score = score.ok_or(Refusal::NotFound { noun: Noun::ScoreOrder })?;
        // What it wanted then it may want no more.
        if score.state.as_str() != state {
            return Ok(true);
        }
        let session = self.existing_session(session).await?;
        let after = self.ask_for_score(&score, &session).await?;
        let is_awaited = |due_at: Instant| self.now() < due_at;
        Ok(after.state != ScoreState::Starting || !session.due_at.is_some_and(is_awaited))
    }
}

/// Pay score orders that are not over are asked about, each by its own clock.
pub(crate) struct ScoreCompensation;

impl Job for ScoreCompensation {
    fn name(&self) -> &'static str {
        "score-compensation"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: MINUTE_MS }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let (mut asked, mut over, mut failed) = (0, 0, 0);
            if service.pay_settings().is_some_and(|pay| pay.score.is_some()) {
                let due = cabinets::scores_due(service.store(), service.now(), MOST_AT_ONCE).await;
                for score in due.map_err(|error| error.to_string())? {
                    if service.is_stopping() {
                        break;
                    }
                    asked += 1;
                    match service.look_at_score(&score).await {
                        Ok(after) => over += i64::from(after.state.is_over()),
                        Err(failure) => {
                            tracing::error!(session = %score.session, ?failure, "a pay score order cannot be looked after");
                            failed += 1;
                        }
                    }
                }
            }
            Ok(counts([("asked", asked), ("over", over), ("failed", failed)]))
        })
    }
}
