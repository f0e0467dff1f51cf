//! What a machine could not settle: opened here, and settled by a person.

use kernel::{
    Command, Exception, ExceptionAction, ExceptionKind, Moved, Noun, Outcome, RaiseException, Reason, Refusal,
    ResolveException,
};
use store::queries::{exceptions, topups};
use wechat::pay::{RefundStatus, TradeState};

use crate::pay::number;
use crate::{Failure, Request, Service};

impl Service {
    /// Tells of a refund that WeChat has made without having been asked from here.
    pub(crate) async fn raise_unknown_refund(
        &self,
        order_no: &str,
        refund_no: &str,
        amount_cents: i64,
    ) -> Result<bool, Failure> {
        let topup = topups::by_number(self.store(), order_no).await?.map(|topup| topup.id);
        let evidence = serde_json::json!({
            "order_no": order_no, "refund_no": refund_no, "amount_cents": amount_cents, "topup_id": topup,
        });
        let proposed = if topup.is_some() { ExceptionAction::Record } else { ExceptionAction::Dismiss };
        self.raise(ExceptionKind::UnknownRefund, refund_no, &evidence, proposed).await
    }

    /// Opens an exception, unless the same is open already or was dismissed.
    pub(crate) async fn raise(
        &self,
        kind: ExceptionKind,
        subject: &str,
        evidence: &serde_json::Value,
        proposed: ExceptionAction,
    ) -> Result<bool, Failure> {
        let (subject, evidence) = (subject.to_owned(), evidence.to_string());
        let command = Command::RaiseException(RaiseException { kind, subject, evidence, proposed });
        match self.run(Request::by_house(command)).await? {
            Outcome::Raised { raised } => Ok(raised),
            _ => Err(odd()),
        }
    }

    /// Settles an exception as a person decided, and says what that moves. What contradicts WeChat is not done.
    ///
    /// # Errors
    /// Where there is none, it is settled already, the action does not fit it, or WeChat cannot be asked.
    pub async fn resolve_exception(
        &self,
        id: i64,
        action: ExceptionAction,
        note: Reason,
        asked: impl FnOnce(Command) -> Request,
    ) -> Result<(Exception, Option<Moved>), Failure> {
        let found = exceptions::one(self.store(), id).await?;
        let exception = found.ok_or(Refusal::NotFound { noun: Noun::Exception })?;
        if self.is_contradicted(&exception, action).await? {
            return Err(Refusal::ExceptionAction { kind: exception.kind, action }.into());
        }
        let payer_openid = self.payer_of_lost_order(&exception, action).await?;
        let refund_no = number("REFD", self.ambient(), self.now(), self.zone());
        let resolve = ResolveException { exception: id, action, note, refund_no, payer_openid };
        let request = asked(Command::ResolveException(resolve));
        if (exception.kind, action) == (ExceptionKind::DeliveryFailed, ExceptionAction::Retry) {
            let message = message_of(&exception)?;
            if !request.dry_run {
                // First the message, then the exception: whatever comes between, what is owed stays in somebody's sight.
                self.deliver_again(message).await?;
            }
        }
        match self.run(request).await? {
            Outcome::Exception { exception, moved } => Ok((exception, moved)),
            _ => Err(odd()),
        }
    }

    /// Whether WeChat says otherwise, now.
    async fn is_contradicted(&self, exception: &Exception, action: ExceptionAction) -> Result<bool, Failure> {
        let evidence: serde_json::Value = serde_json::from_str(&exception.evidence).unwrap_or_default();
        match (exception.kind, action) {
            (ExceptionKind::UnknownRefund, ExceptionAction::Record) => {
                let Some(refund_no) = evidence["refund_no"].as_str() else { return Ok(true) };
                if topups::refund_by_number(self.store(), refund_no).await?.is_some() {
                    return Ok(true);
                }
                let made = self.pay()?.merchant.query_refund(refund_no).await.map_err(unanswered)?;
                let is_so = made.status == RefundStatus::Success && evidence["amount_cents"] == made.refund().0;
                Ok(!is_so)
            }
            (ExceptionKind::NotInBill, ExceptionAction::TakeBack) => {
                match self.pay()?.merchant.query_by_out_trade_no(&exception.subject).await {
                    Ok(found) => Ok(matches!(found.trade_state, TradeState::Success | TradeState::Refund)),
                    Err(error) if error.is_definite() && error.is_not_found() => Ok(false),
                    Err(error) => Err(unanswered(error)),
                }
            }
            _ => Ok(false),
        }
    }

    /// Who paid for an order that the books do not know, where it is to be put into them: WeChat is asked, and has to tell of
    /// the very payment that was found.
    async fn payer_of_lost_order(
        &self,
        exception: &Exception,
        action: ExceptionAction,
    ) -> Result<Option<[u8; 32]>, Failure> {
        let enters = matches!(action, ExceptionAction::Credit | ExceptionAction::RefundToOrigin);
        if exception.kind != ExceptionKind::UnknownOrder || !enters {
            return Ok(None);
        }
        let evidence: serde_json::Value = serde_json::from_str(&exception.evidence).unwrap_or_default();
        let pay = self.pay()?;
        let found = pay.merchant.query_by_out_trade_no(&exception.subject).await.map_err(unanswered)?;
        let is_whole = found.appid == pay.appid && found.trade_state == TradeState::Success;
        let paid = found.paid().filter(|paid| {
            is_whole && evidence["transaction_id"] == paid.transaction_id && evidence["paid_cents"] == paid.total.0
        });
        let paid = paid.ok_or(Refusal::ExceptionAction { kind: exception.kind, action })?;
        paid.openid.map(|openid| self.vault().index_of(openid.expose())).transpose()
    }

    async fn deliver_again(&self, message: i64) -> Result<(), Failure> {
        let now_ms = self.now().as_millis();
        self.lanes().chore(move |writer| Box::pin(async move { writer.outbox_again(message, now_ms).await })).await
    }
}

/// What could not be delivered.
fn message_of(exception: &Exception) -> Result<i64, Failure> {
    let evidence: serde_json::Value = serde_json::from_str(&exception.evidence).unwrap_or_default();
    let named = || Failure::Internal { reason: "the exception names no message".to_owned() };
    evidence["message_id"].as_i64().ok_or_else(named)
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn unanswered(error: wechat::Error) -> Failure {
    Failure::Provider { reason: error.to_string() }
}

fn odd() -> Failure {
    Failure::Internal { reason: "a command about an exception answered something else".to_owned() }
}
