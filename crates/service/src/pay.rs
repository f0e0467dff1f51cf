//! Top-ups, those that pay for a shop order included: every call to WeChat Pay and what comes of it. Each attempt is written down before WeChat is asked, and whatever WeChat
//! says becomes a command; an unknown outcome is asked about under the same number.

use std::net::IpAddr;
use std::sync::Arc;

use kernel::{
    AskPayment, Cents, CheckTopup, Command, CreateTopup, EndPayment, ExceptionAction, ExceptionKind, Instant, MemberId,
    NoteRefund, Noun, Outcome, PayClient, PaymentEnd, PaymentId, PaymentSource, PaysFor, Price, Reason, Refund,
    RefundSeen, RefundTopup, Refusal, SettlePayment, Settled, Topup, TopupSeen, TopupState,
};
use store::queries::{members, shop, topups};
use wechat::pay::{
    Event, Fen, H5Scene, H5System, Merchant, NotifyError, Order, PayParams, RefundNotice, RefundOf, RefundRequest,
    RefundStatus, TradeState, Transaction, VerifyError,
};
use wechat::{Secret, UnixTime, payscore};

use crate::{Ambient, Failure, Request, Service, Tally, crash};

/// The house as a merchant.
pub struct Pay {
    pub merchant: Merchant,
    pub appid: String,
    /// Where WeChat sends its notifications: the address of the API, without a slash at its end.
    pub notify_url: String,
    /// What the payer reads on the bill.
    pub description: String,
    /// The pay score service that collects for cabinets.
    pub score: Option<payscore::Service>,
}

/// The rules of topping up.
#[derive(Debug, Clone)]
pub struct Recharge {
    pub least: Cents,
    pub most: Cents,
    /// How long an order can be paid.
    pub expire_ms: i64,
    pub compensation: Compensation,
    /// When the daily bill is fetched, in minutes after midnight.
    pub reconcile_minute: u16,
}

/// How pending orders are looked after.
#[derive(Debug, Clone, Copy)]
pub struct Compensation {
    pub enabled: bool,
    pub interval_mins: i64,
    pub threshold_mins: i64,
    pub batch_size: i64,
    pub concurrency: usize,
}

impl Default for Recharge {
    fn default() -> Self {
        Self {
            least: Cents::new(100),
            most: Cents::new(500_000),
            expire_ms: 30 * 60_000,
            compensation: Compensation::default(),
            reconcile_minute: 10 * 60 + 30,
        }
    }
}

impl Default for Compensation {
    fn default() -> Self {
        Self { enabled: true, interval_mins: 5, threshold_mins: 5, batch_size: 50, concurrency: 5 }
    }
}

/// Who pays from where.
#[derive(Debug, Clone, Copy)]
pub struct Payer {
    pub member: MemberId,
    pub client: PayClient,
    /// Only a payment in another browser needs it.
    pub address: IpAddr,
}

/// What the payer's side needs to go on.
pub enum PayWay {
    Params(Box<PayParams>),
    CodeUrl(String),
    H5Url(String),
}

/// Why a callback is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackRefused {
    /// It is not WeChat's, not fresh, or not for us. The text is for the log.
    Unverified(String),
    /// It is WeChat's, but is not on disk: it has to come again.
    NotKept,
}

impl Service {
    pub(crate) fn pay(&self) -> Result<&Arc<Pay>, Failure> {
        self.pay_settings().ok_or_else(|| Failure::Provider { reason: "WeChat Pay is not configured".to_owned() })
    }

    /// Begins a top-up and makes it payable. Asked again with the same key it is the same order, and WeChat is asked under the
    /// same number once more.
    pub async fn create_topup(
        &self,
        payer: Payer,
        amount: Price,
        asked: impl FnOnce(Command) -> Request,
    ) -> Result<(Topup, Option<PayWay>), Failure> {
        let (pay, rules) = (self.pay()?, self.recharge());
        if amount.cents() < rules.least || amount.cents() > rules.most {
            return Err(Refusal::TopupOutOfLimits { least: rules.least, most: rules.most }.into());
        }
        let openid = self.openid_of(payer).await?;
        crash::at("topup-asked");
        let now = self.now();
        let command = Command::CreateTopup(CreateTopup {
            order_no: self.new_number("RECH"),
            member: payer.member,
            amount,
            client: payer.client,
            expires_at: now.plus_millis(rules.expire_ms),
            first_check_at: now.plus_millis(rules.compensation.threshold_mins * 60_000),
        });
        let (topup, payment) = begun(self.run(asked(command)).await?)?;
        // The answer may be that of the first asking: the order has gone on since.
        let topup = topups::one(self.store(), topup.id).await?.unwrap_or(topup);
        self.make_payable(pay, topup, payment, payer, openid).await
    }

    /// Another attempt to pay an order that is still pending.
    pub async fn pay_topup(
        &self,
        payer: Payer,
        topup: &Topup,
        asked: impl FnOnce(Command) -> Request,
    ) -> Result<(Topup, Option<PayWay>), Failure> {
        let pay = self.pay()?;
        let payer = Payer { client: topup.client, ..payer };
        let openid = self.openid_of(payer).await?;
        let (topup, payment) = begun(self.run(asked(Command::AskPayment(AskPayment { topup: topup.id }))).await?)?;
        self.make_payable(pay, topup, payment, payer, openid).await
    }

    /// A number that WeChat may know something by.
    pub(crate) fn new_number(&self, letters: &str) -> String {
        number(letters, self.ambient(), self.now(), self.zone())
    }

    pub(crate) async fn openid_of(&self, payer: Payer) -> Result<Option<Secret>, Failure> {
        if payer.client != PayClient::Jsapi {
            return Ok(None);
        }
        self.member_openid(payer.member).await.map(Some)
    }

    /// What WeChat calls a member.
    pub(crate) async fn member_openid(&self, member: MemberId) -> Result<Secret, Failure> {
        let member = members::one(self.store(), member).await?;
        let openid = member.and_then(|member| member.openid).ok_or(Refusal::NoOpenid)?;
        self.vault().openid(&openid).map(Secret::new)
    }

    pub(crate) async fn make_payable(
        &self,
        pay: &Pay,
        topup: Topup,
        payment: PaymentId,
        payer: Payer,
        openid: Option<Secret>,
    ) -> Result<(Topup, Option<PayWay>), Failure> {
        if topup.state != TopupState::Pending {
            return Ok((topup, None));
        }
        crash::at("topup-written");
        let end = |end| Command::EndPayment(EndPayment { topup: topup.id, payment, end });
        match prepay(pay, &topup, payer, openid).await {
            Ok(way) => {
                crash::at("prepay-taken");
                self.by_house(end(PaymentEnd::Accepted)).await?;
                crash::at("prepay-noted");
                Ok((topup, Some(way)))
            }
            Err(error) => {
                let reason = error.to_string();
                if error.is_definite() {
                    let for_good = error.outcome() == wechat::Outcome::Refused && !error.is_rate_limited();
                    self.by_house(end(PaymentEnd::Refused { error: reason.clone(), for_good })).await?;
                }
                tracing::warn!(order_no = topup.order_no, error = reason, "an order could not be made payable");
                Err(Failure::Provider { reason })
            }
        }
    }

    /// Asks WeChat what became of an order, now.
    pub async fn query_topup(&self, topup: &Topup) -> Result<Topup, Failure> {
        self.look_at(topup, PaymentSource::Query).await?;
        let now = topups::one(self.store(), topup.id).await?;
        now.ok_or_else(|| Refusal::NotFound { noun: Noun::Topup }.into())
    }

    /// Asks WeChat about an order and does what follows. An order past its end, or that pays for what is over already, is closed at
    /// WeChat before it expires here.
    pub(crate) async fn look_at(&self, topup: &Topup, source: PaymentSource) -> Result<Looked, Failure> {
        let is_over = self.now() >= topup.expires_at || self.pays_for_nothing(topup).await?;
        self.look_and_close(topup, source, is_over).await
    }

    /// Asks WeChat about an order, and closes it there unless it is paid.
    pub(crate) async fn close(&self, topup: &Topup, source: PaymentSource) -> Result<Looked, Failure> {
        self.look_and_close(topup, source, true).await
    }

    async fn look_and_close(&self, topup: &Topup, source: PaymentSource, is_over: bool) -> Result<Looked, Failure> {
        let pay = self.pay()?;
        let order_no = topup.order_no.as_str();
        let mut found = self.ask_about(pay, topup, source).await?;
        if found.is_none() && is_over {
            found = match pay.merchant.close(order_no).await {
                Ok(()) => {
                    crash::at("order-closed");
                    Some(TopupSeen::Closed)
                }
                // Somebody was faster.
                Err(error) if error.is_already_paid() => self.ask_about(pay, topup, source).await?,
                Err(error) => {
                    tracing::warn!(order_no, %error, "an order could not be closed");
                    Some(TopupSeen::Unknown)
                }
            };
        }
        match found {
            Some(seen @ (TopupSeen::Closed | TopupSeen::NotFound)) => {
                let noted = self.note(topup, seen).await;
                if let Err(failure) = &noted {
                    tracing::error!(order_no, error = ?failure, "Failed to mark order as expired");
                }
                noted
            }
            Some(seen) => self.note(topup, seen).await,
            None => self.note(topup, TopupSeen::Unpaid).await,
        }
    }

    /// What WeChat says of an order; nothing where it is simply not paid. What was paid is settled at once.
    async fn ask_about(&self, pay: &Pay, topup: &Topup, source: PaymentSource) -> Result<Option<TopupSeen>, Failure> {
        let order_no = topup.order_no.as_str();
        let transaction = match pay.merchant.query_by_out_trade_no(order_no).await {
            Ok(transaction) => transaction,
            Err(error) if error.is_definite() && error.is_not_found() => return Ok(Some(TopupSeen::NotFound)),
            Err(error) => {
                tracing::error!(order_no, %error, "Failed to query wechat order");
                self.note(topup, TopupSeen::Unknown).await?;
                return Err(Failure::Provider { reason: error.to_string() });
            }
        };
        let state = word(&transaction.trade_state).to_owned();
        tracing::info!(order_no, wechat_status = state, "Compensation: WeChat order status");
        match transaction.trade_state {
            TradeState::Success | TradeState::Refund => {
                crash::at("query-answered");
                self.settle(pay, &transaction, source).await?;
                Ok(Some(TopupSeen::Unknown))
            }
            TradeState::Closed | TradeState::Revoked => Ok(Some(TopupSeen::Closed)),
            TradeState::NotPay | TradeState::PayError => Ok(None),
            TradeState::UserPaying | TradeState::Other(_) => Ok(Some(TopupSeen::Unknown)),
        }
    }

    async fn note(&self, topup: &Topup, saw: TopupSeen) -> Result<Looked, Failure> {
        let wait_ms = self.recharge().compensation.interval_mins * 60_000;
        let command = Command::CheckTopup(CheckTopup { topup: topup.id, saw, wait_ms });
        match self.by_house(command).await? {
            Outcome::Topup { topup: after, .. } => {
                let was_credited = topup.receipt().is_none() && after.receipt().is_some();
                Ok(if was_credited { Looked::Credited } else { Looked::Nothing })
            }
            other => Err(odd(&other)),
        }
    }

    /// Whether the shop order behind it wants no money any more.
    async fn pays_for_nothing(&self, topup: &Topup) -> Result<bool, Failure> {
        let Some(order) = topup.pays_for else { return Ok(false) };
        let order = shop::one(self.store(), order).await?;
        Ok(order.is_none_or(|order| order.expires_at().is_none()))
    }

    /// What `SettlePayment` has to know of the shop order that a top-up pays for.
    pub(crate) async fn paid_by(&self, topup: Option<&Topup>) -> Result<Option<PaysFor>, Failure> {
        let Some(order) = topup.and_then(|topup| topup.pays_for) else { return Ok(None) };
        let goods = shop::goods(self.store(), order).await?.map(|(goods, _)| goods);
        Ok(goods.map(|goods| PaysFor { order, goods, refund_no: self.new_number("REFD") }))
    }

    /// Credits what WeChat says was paid, once.
    pub(crate) async fn settle(
        &self,
        pay: &Pay,
        transaction: &Transaction,
        source: PaymentSource,
    ) -> Result<Settled, Failure> {
        let order_no = transaction.out_trade_no.as_str();
        let Some(paid) = transaction.paid() else {
            return Err(Failure::Provider { reason: format!("{order_no} is paid, but nobody says how much") });
        };
        let topup = match transaction.appid == pay.appid {
            true => topups::by_number(self.store(), order_no).await?,
            false => None,
        };
        let pays_for = self.paid_by(topup.as_ref()).await?;
        let settled = self
            .settle_payment(SettlePayment {
                order_no: order_no.to_owned(),
                pays_for,
                topup: topup.map(|topup| topup.id),
                transaction_id: paid.transaction_id,
                total: Cents::new(paid.total.0),
                currency: paid.currency,
                paid_at: paid.success_time.map_or(self.now(), instant),
                source,
            })
            .await?;
        if settled == Settled::Credited && transaction.trade_state == TradeState::Refund {
            let evidence = serde_json::json!({ "order_no": order_no, "wechat": "REFUND" });
            self.raise(ExceptionKind::UnknownRefund, order_no, &evidence, ExceptionAction::Dismiss).await?;
        }
        Ok(settled)
    }

    pub(crate) async fn settle_payment(&self, command: SettlePayment) -> Result<Settled, Failure> {
        let order_no = command.order_no.clone();
        match self.by_house(Command::SettlePayment(command)).await? {
            Outcome::Settled { settled, .. } => {
                crash::at("payment-settled");
                if settled == Settled::Parked {
                    tracing::error!(order_no, "a payment does not fit the books; an exception is open");
                }
                Ok(settled)
            }
            other => Err(odd(&other)),
        }
    }

    pub(crate) async fn by_house(&self, command: Command) -> Result<Outcome, Failure> {
        self.run(Request::by_house(command)).await
    }

    // Callbacks.

    /// Takes a notification: believed, kept on disk, and then made to have its effect. What has no effect now has it later.
    ///
    /// # Errors
    /// Where WeChat has to send it again, or should not have sent it.
    pub async fn take_callback<'h>(
        &self,
        source: &'static str,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<(), CallbackRefused> {
        let pay = self.pay().map_err(|_| CallbackRefused::Unverified("WeChat Pay is not configured".to_owned()))?;
        let mut opened = pay.merchant.open_notification(&header, body);
        if matches!(opened, Err(NotifyError::Unverified(VerifyError::UnknownSerial(_))))
            && matches!(pay.merchant.refresh_certificates().await, Ok(true))
        {
            opened = pay.merchant.open_notification(&header, body);
        }
        let notification = opened.map_err(|error| {
            self.count(Tally::Forgery);
            CallbackRefused::Unverified(error.to_string())
        })?;
        crash::at("callback-believed");
        let id = self.keep_callback(source, body).await.map_err(|failure| {
            tracing::error!(?failure, "a callback cannot be kept");
            CallbackRefused::NotKept
        })?;
        crash::at("callback-kept");
        if let Err(failure) = self.process_callback(id, &notification.event).await {
            tracing::warn!(?failure, id, "a callback has no effect yet");
        }
        crash::at("callback-processed");
        Ok(())
    }

    pub(crate) async fn process_callback(&self, id: i64, event: &Event) -> Result<(), Failure> {
        let pay = self.pay()?;
        match event {
            Event::Payment(transaction)
                if matches!(transaction.trade_state, TradeState::Success | TradeState::Refund) =>
            {
                self.settle(pay, transaction, PaymentSource::Callback).await?;
            }
            Event::Refund(notice) => self.note_notice(notice).await?,
            Event::ServiceOrder(order) => self.note_service_order(order).await?,
            // Whether a member allows pay score is asked at WeChat before each door.
            Event::Permission(notice) => {
                tracing::info!(id, status = notice.user_service_status, "pay score was allowed or ended");
            }
            _ => tracing::info!(id, "a notification that changes nothing"),
        }
        self.callback_processed(id).await
    }

    // Refunds.

    /// Begins a refund to where the money came from; with it, what the payer has left.
    pub async fn refund_topup(
        &self,
        topup: &Topup,
        amount: Price,
        reason: Reason,
        asked: impl FnOnce(Command) -> Request,
    ) -> Result<(Refund, Topup, Option<Cents>), Failure> {
        self.pay()?;
        let refund_no = self.new_number("REFD");
        let command = RefundTopup { topup: topup.id, refund_no, amount, reason };
        let begun = refunded(self.run(asked(Command::RefundTopup(command))).await?);
        crash::at("refund-written");
        begun
    }

    /// Asks WeChat for a refund, under its own number however often.
    pub(crate) async fn ask_for_refund(&self, refund: &Refund) -> Result<(), Failure> {
        let pay = self.pay()?;
        let (of, total) = match refund.of {
            kernel::RefundOf::Topup(topup) => {
                let topup = topups::one(self.store(), topup).await?;
                let topup = topup.ok_or(Refusal::NotFound { noun: Noun::Topup })?;
                let of = match topup.receipt() {
                    // What a person has entered may be known to WeChat under another number.
                    Some(receipt) if receipt.source == PaymentSource::Person => {
                        RefundOf::TransactionId(receipt.transaction_id.clone())
                    }
                    _ => RefundOf::OutTradeNo(topup.order_no),
                };
                (of, topup.amount)
            }
            kernel::RefundOf::Score { session, .. } => self.collected_payment(session).await?,
        };
        let request = RefundRequest {
            of,
            out_refund_no: refund.refund_no.clone(),
            reason: Some(refund.reason.chars().filter(|c| !c.is_control()).take(80).collect())
                .filter(|reason: &String| !reason.is_empty()),
            notify_url: Some(format!("{}/callbacks/wechat/refund", pay.notify_url)),
            refund: Fen(refund.amount.get()),
            total: Fen(total.get()),
        };
        crash::at("refund-claimed");
        let seen = match pay.merchant.refund(&request).await {
            Ok(answer) => {
                crash::at("refund-taken");
                seen(&answer.status, answer.refund(), refund)
            }
            Err(error) if error.outcome() == wechat::Outcome::Refused && !error.is_rate_limited() => {
                RefundSeen::Failed { error: error.to_string() }
            }
            Err(error) => {
                self.note_refund(refund, RefundSeen::Unknown).await?;
                return Err(Failure::Provider { reason: error.to_string() });
            }
        };
        self.note_refund(refund, seen).await
    }

    /// Asks WeChat what became of a refund; where WeChat knows nothing of it, asks for it.
    pub(crate) async fn look_at_refund(&self, refund: &Refund) -> Result<(), Failure> {
        let pay = self.pay()?;
        match pay.merchant.query_refund(&refund.refund_no).await {
            Ok(answer) => self.note_refund(refund, seen(&answer.status, answer.refund(), refund)).await,
            Err(error) if error.is_definite() && error.is_not_found() => self.ask_for_refund(refund).await,
            Err(error) => {
                self.note_refund(refund, RefundSeen::Unknown).await?;
                Err(Failure::Provider { reason: error.to_string() })
            }
        }
    }

    async fn note_notice(&self, notice: &RefundNotice) -> Result<(), Failure> {
        match topups::refund_by_number(self.store(), &notice.out_refund_no).await? {
            Some(refund) => self.note_refund(&refund, seen(&notice.status, notice.refund(), &refund)).await,
            None => {
                let RefundNotice { out_trade_no, out_refund_no, .. } = notice;
                self.raise_unknown_refund(out_trade_no, out_refund_no, notice.refund().0).await.map(drop)
            }
        }
    }

    async fn note_refund(&self, refund: &Refund, saw: RefundSeen) -> Result<(), Failure> {
        self.by_house(Command::NoteRefund(NoteRefund { refund: refund.id, saw })).await?;
        crash::at("refund-noted");
        Ok(())
    }
}

/// What looking at an order has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looked {
    Credited,
    Nothing,
}

pub(crate) fn begun(outcome: Outcome) -> Result<(Topup, PaymentId), Failure> {
    match outcome {
        Outcome::Topup { topup, payment: Some(payment) } => Ok((topup, payment)),
        other => Err(odd(&other)),
    }
}

fn refunded(outcome: Outcome) -> Result<(Refund, Topup, Option<Cents>), Failure> {
    match outcome {
        Outcome::Refund { refund, topup, balance } => Ok((refund, topup, balance)),
        other => Err(odd(&other)),
    }
}

fn odd(_: &Outcome) -> Failure {
    Failure::Internal { reason: "a command about a payment answered something else".to_owned() }
}

fn seen(status: &RefundStatus, amount: Fen, refund: &Refund) -> RefundSeen {
    if amount.0 != refund.amount.get() {
        return RefundSeen::OtherAmount { amount: Cents::new(amount.0) };
    }
    match status {
        RefundStatus::Processing => RefundSeen::Processing,
        RefundStatus::Success => RefundSeen::Succeeded,
        RefundStatus::Closed => RefundSeen::Failed { error: "closed by WeChat".to_owned() },
        RefundStatus::Abnormal => RefundSeen::Abnormal,
        RefundStatus::Other(_) => RefundSeen::Unknown,
    }
}

async fn prepay(pay: &Pay, topup: &Topup, payer: Payer, openid: Option<Secret>) -> Result<PayWay, wechat::Error> {
    // Every attempt says the same, or WeChat would not take it for the same order.
    let order = Order {
        appid: pay.appid.clone(),
        out_trade_no: topup.order_no.clone(),
        description: pay.description.clone(),
        total: Fen(topup.amount.get()),
        time_expire: Some(UnixTime::from_secs(topup.expires_at.as_millis() / 1000)),
        attach: None,
        notify_url: format!("{}/callbacks/wechat/pay", pay.notify_url),
    };
    let merchant = &pay.merchant;
    match (topup.client, openid) {
        (PayClient::Jsapi, openid) => {
            let prepay_id = merchant.prepay_jsapi(&order, &openid.unwrap_or_else(|| Secret::new(""))).await?;
            merchant.pay_params(&pay.appid, &prepay_id).map(|params| PayWay::Params(Box::new(params)))
        }
        (PayClient::Native, _) => merchant.prepay_native(&order).await.map(PayWay::CodeUrl),
        (PayClient::H5, _) => {
            let scene = H5Scene { client_ip: payer.address, system: H5System::Wap };
            merchant.prepay_h5(&order, &scene).await.map(PayWay::H5Url)
        }
    }
}

/// Four letters, the time on the house's clocks, and ten characters that nobody can guess.
pub(crate) fn number(letters: &str, ambient: &dyn Ambient, now: Instant, zone: &jiff::tz::TimeZone) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let at = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
    let mut number = format!("{letters}{}", zone.to_datetime(at).strftime("%Y%m%d%H%M%S"));
    let whole = number.len() + 10;
    while number.len() < whole {
        let mut bytes = [0; 16];
        ambient.fill(&mut bytes);
        // The last few values would favour the first letters.
        let fair = bytes.iter().filter(|&&byte| byte < 248).map(|&byte| char::from(ALPHABET[usize::from(byte % 62)]));
        number.extend(fair.take(whole - number.len()));
    }
    number
}

pub(crate) fn instant(time: UnixTime) -> Instant {
    Instant::from_millis(time.secs().saturating_mul(1000))
}

fn word(state: &TradeState) -> &str {
    match state {
        TradeState::Success => "SUCCESS",
        TradeState::Refund => "REFUND",
        TradeState::NotPay => "NOTPAY",
        TradeState::Closed => "CLOSED",
        TradeState::Revoked => "REVOKED",
        TradeState::UserPaying => "USERPAYING",
        TradeState::PayError => "PAYERROR",
        TradeState::Other(word) => word,
    }
}
