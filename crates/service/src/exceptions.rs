//! What a machine could not settle: opened here, and settled by a person.

use kernel::{
    Command, Exception, ExceptionAction, ExceptionKind, Noun, Outcome, RaiseException, Reason, Refusal,
    ResolveException,
};
use store::queries::exceptions;

use crate::pay::number;
use crate::{Failure, Request, Service};

impl Service {
    /// Opens an exception, unless the same is open already.
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

    /// Settles an exception as a person decided.
    ///
    /// # Errors
    /// Where there is none, it is settled already, or the action does not fit it.
    pub async fn resolve_exception(
        &self,
        id: i64,
        action: ExceptionAction,
        note: Reason,
        asked: impl FnOnce(Command) -> Request,
    ) -> Result<Exception, Failure> {
        let found = exceptions::one(self.store(), id).await?;
        let exception = found.ok_or(Refusal::NotFound { noun: Noun::Exception })?;
        if (exception.kind, action) == (ExceptionKind::DeliveryFailed, ExceptionAction::Retry) {
            // First the message, then the exception: whatever comes between, what is owed stays in somebody's sight.
            self.deliver_again(&exception).await?;
        }
        let refund_no = number("REFD", self.ambient(), self.now(), self.zone());
        let command = Command::ResolveException(ResolveException { exception: id, action, note, refund_no });
        match self.run(asked(command)).await? {
            Outcome::Exception { exception } => Ok(exception),
            _ => Err(odd()),
        }
    }

    async fn deliver_again(&self, exception: &Exception) -> Result<(), Failure> {
        let evidence: serde_json::Value = serde_json::from_str(&exception.evidence).unwrap_or_default();
        let Some(message) = evidence["message_id"].as_i64() else {
            return Err(Failure::Internal { reason: "the exception names no message".to_owned() });
        };
        let now_ms = self.now().as_millis();
        self.lanes().chore(move |writer| Box::pin(async move { writer.outbox_again(message, now_ms).await })).await
    }
}

fn odd() -> Failure {
    Failure::Internal { reason: "a command about an exception answered something else".to_owned() }
}
