//! The jobs that look after money on its way: orders whose callback was lost, callbacks that had no effect, refunds that are not over,
//! and the daily bill.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;

use futures_util::StreamExt;
use kernel::{
    Cents, Counts, Date, ExceptionAction, ExceptionKind, Instant, PaymentSource, Receipt, RefundState, ScoreOrder,
    SettlePayment, Settled, Topup,
};
use store::OutboxRow;
use store::queries::{cabinets, topups};
use wechat::pay::{Code, TradeBill, TradeBillKind, TradeRow};

use crate::jobs::counts;
use crate::metrics::Watch;
use crate::pay::{Looked, instant};
use crate::{Compensation, Delivering, Delivery, Failure, Job, Ran, Recharge, Schedule, Service};

const MINUTE_MS: i64 = 60_000;
const MOST_AT_ONCE: i64 = 50;
/// A callback that is younger is still at work.
const CALLBACK_WAIT_MS: i64 = 30_000;
/// How many days back bills are fetched that were missed.
const MOST_DAYS: i32 = 7;
/// WeChat wants them asked for at least every twelve hours.
const CERTIFICATES_MS: i64 = 10 * 60 * MINUTE_MS;
/// How long until a bill is asked for again that is not ready yet.
const BILL_WAIT_MS: i64 = 15 * MINUTE_MS;

/// All jobs about money from WeChat.
#[must_use]
pub fn pay_jobs(recharge: &Recharge) -> Vec<Box<dyn Job>> {
    let Compensation { enabled, interval_mins, .. } = recharge.compensation;
    match enabled {
        true => tracing::info!(interval_mins, "Order compensation job started"),
        false => tracing::info!("Order compensation job is disabled"),
    }
    vec![
        Box::new(OrderCompensation(recharge.compensation)),
        Box::new(RefundCompensation),
        Box::new(ProcessCallbacks),
        Box::new(PlatformCertificates),
        Box::new(Reconciliation { minute: recharge.reconcile_minute }),
    ]
}

fn failed(failure: &Failure) -> String {
    format!("{failure:?}")
}

struct OrderCompensation(Compensation);

impl Job for OrderCompensation {
    fn name(&self) -> &'static str {
        "order-compensation"
    }

    fn schedule(&self) -> Schedule {
        if self.0.enabled { Schedule::Every { ms: self.0.interval_mins * MINUTE_MS } } else { Schedule::ByHand }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(compensate(service, self.0))
    }

    fn stopped(&self) {
        if self.0.enabled {
            tracing::info!("Order compensation job stopped");
        }
    }
}

enum Compensated {
    Success,
    Failed,
    Skipped,
}

async fn compensate(service: &Service, rules: Compensation) -> Result<Counts, String> {
    let watch = Watch::start();
    tracing::info!("Order compensation job started");
    if service.pay_settings().is_none() {
        return Ok(counts([("total", 0), ("success", 0), ("failed", 0), ("skipped", 0)]));
    }
    let due = topups::due(service.store(), service.now(), rules.batch_size).await;
    let due = due.map_err(|error| {
        tracing::error!(%error, "Failed to get pending orders for compensation");
        error.to_string()
    })?;
    if due.is_empty() {
        tracing::info!("No pending orders to compensate");
    } else {
        tracing::info!(count = due.len(), "Found pending orders for compensation");
    }
    let (mut success, mut failure, mut skipped, total) = (0, 0, 0, due.len());
    let metrics = service.metrics();
    let mut looked = futures_util::stream::iter(due)
        .map(|topup| async move { compensate_one(service, &topup).await })
        .buffer_unordered(rules.concurrency.max(1));
    while let Some(result) = looked.next().await {
        let (count, counter) = match result {
            Compensated::Success => (&mut success, &metrics.compensation_success),
            Compensated::Failed => (&mut failure, &metrics.compensation_failed),
            Compensated::Skipped => (&mut skipped, &metrics.compensation_skipped),
        };
        *count += 1;
        counter.fetch_add(1, Relaxed);
    }
    let micros = watch.micros();
    metrics.compensation_micros.record(micros);
    tracing::info!(total, success, failed = failure, duration_ms = micros / 1000, "Order compensation job completed");
    let total = i64::try_from(total).unwrap_or(i64::MAX);
    Ok(counts([("total", total), ("success", success), ("failed", failure), ("skipped", skipped)]))
}

async fn compensate_one(service: &Service, topup: &Topup) -> Compensated {
    // What is not begun is due again for the next run.
    if service.is_stopping() {
        return Compensated::Skipped;
    }
    let order_no = topup.order_no.as_str();
    match service.look_at(topup, PaymentSource::Compensation).await {
        Ok(Looked::Credited) => {
            tracing::info!(order_no, "Order compensated successfully");
            Compensated::Success
        }
        Ok(Looked::Nothing) => Compensated::Skipped,
        Err(failure) => {
            tracing::error!(order_no, error = failed(&failure), "Failed to compensate order");
            Compensated::Failed
        }
    }
}

/// Refunds that are not over are asked about, and asked for again where WeChat does not know them.
struct RefundCompensation;

impl Job for RefundCompensation {
    fn name(&self) -> &'static str {
        "refund-compensation"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: 5 * MINUTE_MS }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let (mut asked, mut failures) = (0, 0);
            if service.pay_settings().is_some() {
                let due = topups::refunds_due(service.store(), service.now(), MOST_AT_ONCE).await;
                for refund in due.map_err(|error| error.to_string())? {
                    if service.is_stopping() {
                        break;
                    }
                    asked += 1;
                    if let Err(failure) = service.look_at_refund(&refund).await {
                        tracing::warn!(?failure, refund_no = refund.refund_no, "a refund cannot be asked about");
                        failures += 1;
                    }
                }
            }
            Ok(counts([("asked", asked), ("failed", failures)]))
        })
    }
}

/// Callbacks that were kept and had no effect: the server died in between, or the database was busy.
struct ProcessCallbacks;

impl Job for ProcessCallbacks {
    fn name(&self) -> &'static str {
        "process-callbacks"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: MINUTE_MS }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let (mut done, mut failures) = (0, 0);
            let Some(pay) = service.pay_settings() else {
                return Ok(counts([("processed", 0), ("failed", 0)]));
            };
            let until = service.now().plus_millis(-CALLBACK_WAIT_MS);
            let waiting = topups::waiting_callbacks(service.store(), until, MOST_AT_ONCE).await;
            for callback in waiting.map_err(|error| error.to_string())? {
                if service.is_stopping() {
                    break;
                }
                let processed = match pay.merchant.reopen_notification(&callback.body) {
                    Ok(notification) => service.process_callback(callback.id, &notification.event).await,
                    Err(error) => Err(Failure::Internal { reason: error.to_string() }),
                };
                match processed {
                    Ok(()) => done += 1,
                    Err(failure) => {
                        tracing::warn!(?failure, id = callback.id, "a callback has no effect yet");
                        failures += 1;
                    }
                }
            }
            Ok(counts([("processed", done), ("failed", failures)]))
        })
    }
}

/// Keeps WeChat's certificates at hand where no public key is configured, also the next one, which is listed before it signs.
struct PlatformCertificates;

impl Job for PlatformCertificates {
    fn name(&self) -> &'static str {
        "platform-certificates"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: CERTIFICATES_MS }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let Some(pay) = service.pay_settings().filter(|pay| pay.merchant.needs_certificates()) else {
                return Ok(counts([("certificates", 0)]));
            };
            pay.merchant.refresh_certificates().await.map_err(|error| error.to_string())?;
            let held = i64::try_from(pay.merchant.key_serials().len()).unwrap_or(i64::MAX);
            Ok(counts([("certificates", held)]))
        })
    }
}

/// Carries requests for refunds to WeChat.
pub struct RefundDelivery;

impl Delivery for RefundDelivery {
    fn topic(&self) -> &'static str {
        "wechat-refund"
    }

    fn deliver<'a>(&'a self, service: &'a Service, message: &'a OutboxRow) -> Delivering<'a> {
        Box::pin(async move {
            let body: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
            let Some(id) = body["refund_id"].as_i64() else {
                return Err("the message names no refund".to_owned().into());
            };
            match topups::refund_of(service.store(), kernel::RefundId::new(id)).await {
                // Somebody has asked already: asking about it is the job's.
                Ok(Some(refund)) if refund.state != RefundState::Asked => Ok(()),
                Ok(Some(refund)) => Ok(service.ask_for_refund(&refund).await.map_err(|failure| failed(&failure))?),
                Ok(None) => Err("there is no such refund".to_owned().into()),
                Err(error) => Err(error.to_string().into()),
            }
        })
    }
}

/// Compares each day's bill with the books, and credits what was missed.
struct Reconciliation {
    minute: u16,
}

impl Job for Reconciliation {
    fn name(&self) -> &'static str {
        "reconciliation"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Daily { minute: self.minute }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(async move {
            let (mut all, mut waiting) = ([0; 4], 0);
            if service.pay_settings().is_some() {
                let kept = topups::bills(service.store(), "9999", i64::from(MOST_DAYS)).await;
                let kept: HashSet<Date> =
                    kept.map_err(|error| error.to_string())?.iter().map(|bill| bill.date).collect();
                let today = service.now().date_in(&beijing());
                for days in (1..=MOST_DAYS).rev() {
                    let day = today.plus_days(-days);
                    // Yesterday is looked at again whenever somebody asks; older days only where they were missed.
                    if kept.contains(&day) && days > 1 || service.is_stopping() {
                        continue;
                    }
                    match reconcile(service, day).await.map_err(|failure| format!("{day}: {}", failed(&failure)))? {
                        Some(done) => all.iter_mut().zip(done).for_each(|(sum, one)| *sum += one),
                        None => {
                            tracing::info!(%day, "WeChat is still making the bill");
                            waiting += 1;
                        }
                    }
                }
            }
            let [payments, refunds, credited, exceptions] = all;
            Ok(counts([
                ("payments", payments),
                ("refunds", refunds),
                ("credited", credited),
                ("exceptions", exceptions),
                ("waiting", waiting),
            ]))
        })
    }

    fn again_after_ms(&self, counts: &Counts) -> Option<i64> {
        counts.get("waiting").is_some_and(|&waiting| waiting > 0).then_some(BILL_WAIT_MS)
    }
}

/// WeChat's days, wherever the house is.
pub(crate) fn beijing() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::fixed(jiff::tz::offset(8))
}

/// What a day's bill came to; nothing where there is none yet.
async fn reconcile(service: &Service, day: Date) -> Result<Option<[i64; 4]>, Failure> {
    let Some(pay) = service.pay_settings() else { return Ok(Some([0; 4])) };
    let fetched = pay.merchant.trade_bill(&day.to_string(), TradeBillKind::All).await;
    let (text, sha1) = match fetched {
        Ok(bill) => (bill.text, bill.sha1),
        Err(error) if error.is_definite() && error.code() == Some(&Code::NoStatementExist) => {
            (Vec::new(), String::new())
        }
        Err(error) if error.is_definite() && error.code() == Some(&Code::StatementCreating) => return Ok(None),
        Err(error) => return Err(Failure::Provider { reason: error.to_string() }),
    };
    let rows = match text.is_empty() {
        true => Vec::new(),
        false => {
            let bill = TradeBill::parse(&text);
            bill.map_err(|problem| Failure::Provider { reason: format!("the bill cannot be read: {problem}") })?.rows
        }
    };
    let (from, to) = (day.start_in(&beijing()), day.plus_days(1).start_in(&beijing()));
    let mut books: BTreeMap<String, Topup> = topups::paid_between(service.store(), from, to)
        .await?
        .into_iter()
        .map(|topup| (topup.order_no.clone(), topup))
        .collect();
    let mut collected: BTreeMap<String, ScoreOrder> = cabinets::scores_paid_between(service.store(), from, to)
        .await?
        .into_iter()
        .filter_map(|score| Some((score.receipt()?.transaction_id.clone(), score)))
        .collect();
    let [mut payments, mut paid, mut refunds, mut refunded, mut exceptions] = [0_i64; 5];
    // What this run credited, and what earlier runs over the same bill did.
    let (mut credited, mut credited_before) = (0, 0);
    for row in &rows {
        if let Some(refund) = &row.refund {
            refunds += 1;
            refunded += refund.amount.0;
            exceptions += i64::from(refund_differs(service, row).await?);
        } else if let Some(number) = collected_for(row) {
            payments += 1;
            paid += row.order_total.0;
            let score = collected.remove(&row.transaction_id);
            let by_bill =
                |score: &ScoreOrder| score.receipt().is_some_and(|receipt| receipt.source == PaymentSource::Bill);
            credited_before += i64::from(score.as_ref().is_some_and(by_bill));
            let entered =
                books.values().find(|topup| is_receipt_of(topup.receipt(), row)).map(|topup| topup.order_no.clone());
            match entered.and_then(|order_no| books.remove(&order_no)) {
                // A person has entered it.
                Some(_) => {}
                None => match service.compare_collected(row, number, score.as_ref()).await? {
                    Settled::Credited => credited += 1,
                    Settled::Parked => exceptions += 1,
                    Settled::Already => {}
                },
            }
        } else {
            payments += 1;
            paid += row.order_total.0;
            let ours = books.remove(&row.out_trade_no);
            let by_bill = |topup: &Topup| topup.receipt().is_some_and(|receipt| receipt.source == PaymentSource::Bill);
            credited_before += i64::from(ours.as_ref().is_some_and(by_bill));
            match compare_payment(service, row, ours.as_ref()).await? {
                Settled::Credited => credited += 1,
                Settled::Parked => exceptions += 1,
                Settled::Already => {}
            }
        }
    }
    for score in collected.values() {
        service.tell_of_missing_payment(score, day).await?;
        exceptions += 1;
    }
    for topup in books.values() {
        let evidence = serde_json::json!({
            "order_no": topup.order_no, "amount_cents": topup.amount, "date": day, "topup_id": topup.id,
            "transaction_id": topup.receipt().map(|receipt| &receipt.transaction_id), "receipt": topup.receipt(),
        });
        service.raise(ExceptionKind::NotInBill, &topup.order_no, &evidence, ExceptionAction::TakeBack).await?;
        exceptions += 1;
    }
    let totals = [payments, paid, refunds, refunded, credited + credited_before, exceptions];
    service.keep_bill(&day.to_string(), &sha1, text, totals).await?;
    Ok(Some([payments, refunds, credited, exceptions]))
}

/// The number of the opening that a row's payment was collected for. Who paid on the order's page paid for that number itself.
fn collected_for(row: &TradeRow) -> Option<&str> {
    row.service_order().map(|(_, number)| number).or_else(|| {
        let number = row.out_trade_no.as_str();
        kernel::numbered_order("DOOR", number).map(|_| number)
    })
}

fn is_receipt_of(receipt: Option<&Receipt>, row: &TradeRow) -> bool {
    receipt.is_some_and(|receipt| receipt.transaction_id == row.transaction_id)
}

async fn compare_payment(service: &Service, row: &TradeRow, ours: Option<&Topup>) -> Result<Settled, Failure> {
    let fits = |topup: &Topup| topup.amount.get() == row.order_total.0 && is_receipt_of(topup.receipt(), row);
    if ours.is_some_and(fits) {
        return Ok(Settled::Already);
    }
    let topup = topups::by_number(service.store(), &row.out_trade_no).await?;
    let total = Cents::new(row.order_total.0);
    // A payment that a person has settled, or that is in the books with another amount, is not settled once more.
    if let Some(topup) = topup.as_ref().filter(|topup| topup.receipt().is_some() && topup.amount != total) {
        let evidence = serde_json::json!({
            "order_no": topup.order_no, "asked_cents": topup.amount, "paid_cents": total,
            "transaction_id": row.transaction_id, "source": PaymentSource::Bill,
        });
        let kind = ExceptionKind::AmountMismatch;
        service.raise(kind, &topup.order_no, &evidence, ExceptionAction::Dismiss).await?;
        return Ok(Settled::Parked);
    }
    let settle = SettlePayment {
        order_no: row.out_trade_no.clone(),
        pays_for: service.paid_by(topup.as_ref()).await?,
        topup: topup.map(|topup| topup.id),
        transaction_id: row.transaction_id.clone(),
        total,
        currency: "CNY".to_owned(),
        paid_at: instant(row.at),
        source: PaymentSource::Bill,
    };
    service.settle_payment(settle).await
}

/// Whether the bill has a refund that the books do not have like that. An exception speaks of it.
async fn refund_differs(service: &Service, row: &TradeRow) -> Result<bool, Failure> {
    let Some(refund) = &row.refund else { return Ok(false) };
    let ours = topups::refund_by_number(service.store(), &refund.out_refund_no).await?;
    let refund_no = refund.out_refund_no.as_str();
    match ours {
        None => service.raise_unknown_refund(&row.out_trade_no, refund_no, refund.amount.0).await?,
        Some(ours) if ours.amount.get() != refund.amount.0 => {
            let evidence = serde_json::json!({
                "order_no": row.out_trade_no, "refund_no": refund_no, "bill_cents": refund.amount.0,
                "books_cents": ours.amount,
            });
            service.raise(ExceptionKind::RefundMismatch, refund_no, &evidence, ExceptionAction::Dismiss).await?
        }
        Some(_) => return Ok(false),
    };
    Ok(true)
}

/// One day: what the bill says, what the books say, and what lies between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    pub bill: topups::Bill,
    pub books_payments: i64,
    pub books_paid_cents: i64,
    pub books_refunds: i64,
    pub books_refunded_cents: i64,
}

impl Service {
    /// A day's bill beside its books.
    pub async fn reconciled(&self, bill: topups::Bill) -> Result<Reconciled, Failure> {
        let (from, to): (Instant, Instant) =
            (bill.date.start_in(&beijing()), bill.date.plus_days(1).start_in(&beijing()));
        let [books_payments, books_paid_cents, books_refunds, books_refunded_cents] =
            topups::books_between(self.store(), from, to).await?;
        Ok(Reconciled { bill, books_payments, books_paid_cents, books_refunds, books_refunded_cents })
    }
}
