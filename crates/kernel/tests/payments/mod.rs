//! What the tables say of money that comes in through WeChat Pay. `tables.rs` lists the words.

use kernel::{
    AskPayment, AssignException, Cents, CheckTopup, Command, CreateTopup, EndPayment, Exception, ExceptionAction,
    ExceptionKind, ExceptionState, MemberId, Moved, NoteRefund, OrderId, PayClient, PaymentEnd, PaymentId,
    PaymentSource, RaiseException, Reason, Refund, RefundId, RefundSeen, RefundTopup, ResolveException, SettlePayment,
    Topup, TopupSeen,
};

use serde_json::json;

use crate::support::openid;
use crate::{Scenario, Words, Wrong};

const MINUTE_MS: i64 = 60_000;

fn reason(words: &mut Words) -> Result<Reason, Wrong> {
    let text = if words.skip("because") { words.next()?.to_owned() } else { "a reason".to_owned() };
    Reason::try_from(text).map_err(|error| format!("  {error}"))
}

impl Scenario {
    /// `tops up X as ORDER`, after `tops`.
    pub(crate) fn top_up(&self, by: Option<MemberId>, words: &mut Words) -> Result<Command, Wrong> {
        words.expect("up")?;
        let amount = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
        words.expect("as")?;
        Ok(Command::CreateTopup(CreateTopup {
            order_no: words.next()?.to_owned(),
            member: by.ok_or("  the house has no wallet")?,
            amount,
            client: PayClient::Native,
            expires_at: self.house.now.plus_millis(30 * MINUTE_MS),
            first_check_at: self.house.now.plus_millis(5 * MINUTE_MS),
        }))
    }

    /// `pays ORDER`: another attempt.
    pub(crate) fn ask_payment(&self, words: &mut Words) -> Result<Command, Wrong> {
        Ok(Command::AskPayment(AskPayment { topup: self.topup_id(words.next()?) }))
    }

    /// `refunds X of ORDER as REFUND [because R]`.
    pub(crate) fn refund(&self, words: &mut Words) -> Result<Command, Wrong> {
        let amount = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
        words.expect("of")?;
        let topup = self.topup_id(words.next()?);
        words.expect("as")?;
        let refund_no = words.next()?.to_owned();
        Ok(Command::RefundTopup(RefundTopup { topup, refund_no, amount, reason: reason(words)? }))
    }

    /// What WeChat says, after `wechat`.
    pub(crate) fn wechat(&self, words: &mut Words) -> Result<Command, Wrong> {
        let verb = words.next()?.to_owned();
        match verb.as_str() {
            "takes" | "refuses" => {
                let name = words.next()?.to_owned();
                let topup = self.topup_id(&name);
                let payments = self.database.payments.values().map(|(payment, _)| payment);
                let of_order = payments.filter(|payment| payment.topup == topup);
                let last = of_order.map(|payment| payment.id).next_back().unwrap_or(PaymentId::new(404));
                let end = if verb == "takes" {
                    PaymentEnd::Accepted
                } else {
                    PaymentEnd::Refused { error: "refused".to_owned(), for_good: !words.skip("once") }
                };
                Ok(Command::EndPayment(EndPayment { topup, payment: last, end }))
            }
            "says" => {
                let topup = self.topup_id(words.next()?);
                let saw = match words.next()? {
                    "unpaid" => TopupSeen::Unpaid,
                    "closed" => TopupSeen::Closed,
                    "unknown" => TopupSeen::NotFound,
                    "nothing" => TopupSeen::Unknown,
                    other => return Err(format!("  WeChat never says {other:?} of an order")),
                };
                Ok(Command::CheckTopup(CheckTopup { topup, saw, wait_ms: 5 * MINUTE_MS }))
            }
            "tells" => self.payment(words),
            "notes" => self.refund_seen(words),
            other => Err(format!("  WeChat never {other:?}")),
        }
    }

    /// `tells of X for ORDER as TRANSACTION [in CURRENCY] [by SOURCE]`, after `tells`.
    fn payment(&self, words: &mut Words) -> Result<Command, Wrong> {
        words.expect("of")?;
        let total = Cents::new(words.cents()?);
        words.expect("for")?;
        let order_no = words.next()?.to_owned();
        words.expect("as")?;
        let transaction_id = words.next()?.to_owned();
        let currency = if words.skip("in") { words.next()? } else { "CNY" }.to_owned();
        let source = match if words.skip("by") { words.next()? } else { "callback" } {
            "callback" => PaymentSource::Callback,
            "query" => PaymentSource::Query,
            "compensation" => PaymentSource::Compensation,
            "bill" => PaymentSource::Bill,
            other => return Err(format!("  nobody hears of a payment by {other:?}")),
        };
        let topup = self.topup(&order_no);
        let pays_for = topup.and_then(|topup| self.pays_for(topup, &transaction_id));
        let (topup, paid_at) = (topup.map(|topup| topup.id), self.house.now);
        let settle = SettlePayment { order_no, topup, transaction_id, total, currency, paid_at, source, pays_for };
        Ok(Command::SettlePayment(settle))
    }

    /// `notes REFUND processing | succeeded | failed | abnormal | nothing | X`, after `notes`.
    fn refund_seen(&self, words: &mut Words) -> Result<Command, Wrong> {
        let name = words.next()?.to_owned();
        let refund = self.refund_row(&name).map_or(RefundId::new(404), |refund| refund.id);
        let saw = match words.next()? {
            "processing" => RefundSeen::Processing,
            "succeeded" => RefundSeen::Succeeded,
            "failed" => RefundSeen::Failed { error: "closed".to_owned() },
            "abnormal" => RefundSeen::Abnormal,
            "nothing" => RefundSeen::Unknown,
            amount => {
                let amount = crate::cents(amount).ok_or_else(|| format!("  {amount:?} is no end of a refund"))?;
                RefundSeen::OtherAmount { amount: Cents::new(amount) }
            }
        };
        Ok(Command::NoteRefund(NoteRefund { refund, saw }))
    }

    /// `raise KIND about SUBJECT [of X for ORDER] [proposing ACTION]`, after `raise`. The subject of a refund is its number.
    pub(crate) fn raise(&self, words: &mut Words) -> Result<Command, Wrong> {
        let kind = words.parse()?;
        words.expect("about")?;
        let subject = words.next()?.to_owned();
        let mut evidence = json!({});
        if words.skip("of") {
            let amount = words.cents()?;
            words.expect("for")?;
            let topup = self.topup(words.next()?);
            evidence = json!({ "amount_cents": amount, "topup_id": topup.map(|topup| topup.id) });
            if kind == ExceptionKind::UnknownRefund {
                evidence["refund_no"] = json!(subject);
            } else {
                let receipt = topup.and_then(Topup::receipt);
                evidence["transaction_id"] = json!(receipt.map(|receipt| &receipt.transaction_id));
            }
        }
        let proposed = if words.skip("proposing") { words.parse()? } else { ExceptionAction::Dismiss };
        Ok(Command::RaiseException(RaiseException { kind, subject, evidence: evidence.to_string(), proposed }))
    }

    /// `resolves KIND about SUBJECT by ACTION [as REFUND] [of OPENID] [because R]`, after `resolves`.
    pub(crate) fn resolve(&self, words: &mut Words) -> Result<Command, Wrong> {
        let exception = self.exception_id(words)?;
        words.expect("by")?;
        let action = words.parse()?;
        let refund_no = if words.skip("as") { words.next()?.to_owned() } else { "unused".to_owned() };
        let payer_openid = if words.skip("of") { Some(openid(words.next()?).index) } else { None };
        let note = reason(words)?;
        Ok(Command::ResolveException(ResolveException { exception, action, note, refund_no, payer_openid }))
    }

    /// `assigns KIND about SUBJECT to MEMBER | none [until INSTANT]`, after `assigns`.
    pub(crate) fn assign(&self, words: &mut Words) -> Result<Command, Wrong> {
        let exception = self.exception_id(words)?;
        words.expect("to")?;
        let owner = if words.skip("none") { None } else { Some(self.member(words.next()?)?) };
        let due_at = if words.skip("until") { Some(words.parse()?) } else { None };
        Ok(Command::AssignException(AssignException { exception, owner, due_at }))
    }

    /// The newest one of its kind about its subject.
    fn exception_id(&self, words: &mut Words) -> Result<i64, Wrong> {
        Ok(self.exception(words)?.map_or(404, |exception| exception.id))
    }

    fn exception(&self, words: &mut Words) -> Result<Option<&Exception>, Wrong> {
        let kind = words.parse()?;
        words.expect("about")?;
        let subject = words.next()?;
        let mut found = self.database.exceptions.values().map(|(exception, _)| exception);
        Ok(found.rfind(|exception| exception.kind == kind && exception.subject == subject))
    }

    fn topup(&self, order_no: &str) -> Option<&Topup> {
        self.database.topups().find(|topup| topup.order_no == order_no)
    }

    pub(crate) fn topup_id(&self, order_no: &str) -> OrderId {
        self.topup(order_no).map_or(OrderId::new(404), |topup| topup.id)
    }

    fn refund_row(&self, refund_no: &str) -> Option<&Refund> {
        self.database.refunds.values().map(|(refund, _)| refund).find(|refund| refund.refund_no == refund_no)
    }

    /// What the rows say of `topup ORDER`, `refund REFUND`, `exception KIND about SUBJECT` or `outbox TOPIC`; nothing where the subject is
    /// none of these.
    pub(crate) fn payment_parts(
        &self,
        subject: &str,
        words: &mut Words,
        put: &mut impl FnMut(&str, String),
    ) -> Result<bool, Wrong> {
        match subject {
            "topup" => topup_parts(self.topup(words.next()?).ok_or("  no such order")?, put),
            "refund" => refund_parts(self.refund_row(words.next()?).ok_or("  no such refund")?, put),
            "exception" => exception_parts(self.exception(words)?.ok_or("  no such exception")?, put),
            "exceptions" => put("count", self.database.exceptions.len().to_string()),
            "payments" => {
                let payments = self.database.payments.values().map(|(payment, _)| payment.state.as_str());
                put("states", payments.collect::<Vec<_>>().join("+"));
            }
            "outbox" => {
                let topic = words.next()?;
                let found = self.database.outbox.iter().filter(|message| message.topic == topic);
                put("count", found.count().to_string());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

pub(crate) fn topup_parts(topup: &Topup, put: &mut impl FnMut(&str, String)) {
    put("status", topup.status().as_str().to_owned());
    put("amount", topup.amount.to_string());
    put("checks", topup.checks.to_string());
    put("next", topup.next_check_at.to_string());
    if let Some(receipt) = topup.receipt() {
        put("transaction", receipt.transaction_id.clone());
        put("source", receipt.source.as_str().to_owned());
        put("refunded", receipt.refunded.to_string());
    }
}

pub(crate) fn refund_parts(refund: &Refund, put: &mut impl FnMut(&str, String)) {
    put("state", refund.state.as_str().to_owned());
    put("amount", refund.amount.to_string());
    put("checks", refund.checks.to_string());
    put("next", refund.next_check_at.to_string());
}

pub(crate) fn moved_parts(moved: Option<&Moved>, put: &mut impl FnMut(&str, String)) {
    let (to, amount, balance) = match moved {
        Some(Moved::Balance { amount, balance, .. }) => ("balance", amount, balance),
        Some(Moved::Wechat { amount, balance, .. }) => ("wechat", amount, balance),
        Some(Moved::Cabinet { .. }) => return put("moved", "cabinet".to_owned()),
        None => return put("moved", "nothing".to_owned()),
    };
    put("moved", to.to_owned());
    put("amount", amount.to_string());
    put("balance", balance.to_string());
}

pub(crate) fn exception_parts(exception: &Exception, put: &mut impl FnMut(&str, String)) {
    put("proposed", exception.proposed.as_str().to_owned());
    put("owner", exception.owner.map_or("none", |_| "somebody").to_owned());
    put("due", exception.due_at.to_string());
    let resolved = match &exception.state {
        ExceptionState::Open => "open",
        ExceptionState::Resolved { action, .. } => action.as_str(),
    };
    put("resolved", resolved.to_owned());
}
