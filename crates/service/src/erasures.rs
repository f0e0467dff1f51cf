//! Erasing a person: a lane decides it and takes the name away, then everything else that is kept about them goes, a portion at a time.

use std::future::Future;
use std::pin::Pin;

use kernel::{Counts, Delivery, ErasureOutcome, MemberId, Outcome};
use serde_json::{Value, json};
use store::erasures::{Trace, unwiped};
use store::personal::FIRST;

use crate::{Failure, Job, Request, Schedule, Service, crash};

const HOUR_MS: i64 = 3_600_000;

impl Service {
    /// Carries an erasure out, or tells what it would take away where the request only tries.
    ///
    /// # Errors
    /// As for any other command. Once it is decided it is answered: what cannot be wiped now is wiped by the job.
    pub async fn erase(&self, request: Request) -> Result<ErasureOutcome, Failure> {
        let dry_run = request.dry_run;
        let Outcome::Erasure(outcome) = self.run(request).await? else {
            return Err(Failure::Internal { reason: "an erasure answered something else".to_owned() });
        };
        crash::at("member-erased");
        if !dry_run && let Err(failure) = self.wipe(outcome.member).await {
            tracing::warn!(member = %outcome.member, ?failure, "an erased member's traces are left to the job");
        }
        Ok(outcome)
    }

    async fn wipe(&self, member: MemberId) -> Result<(), Failure> {
        for trace in Trace::ALL {
            while self
                .lanes()
                .chore(move |writer| Box::pin(async move { writer.take_away(trace, member).await }))
                .await?
            {}
        }
        let mut place = Some(FIRST);
        while let Some(after) = place {
            let portion = self.lanes().chore(move |writer| {
                Box::pin(async move {
                    writer.cover_answers_naming(member, &after, &|answer| without(member, &answer)).await
                })
            });
            place = portion.await?;
        }
        Ok(())
    }
}

/// An answer that somebody else was given, with nothing in it about the member but the id.
fn without(member: MemberId, answer: &str) -> Result<String, store::Error> {
    let mut answer =
        serde_json::from_str(answer).map_err(|_| store::Error::inconsistent("a kept answer cannot be read"))?;
    blank(member, &mut answer);
    Ok(answer.to_string())
}

/// Wherever an object is the member or belongs to the member.
fn blank(member: MemberId, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_about = |name| fields.get(name).and_then(Value::as_i64) == Some(member.get());
            if is_about("id") || is_about("member") {
                for (name, blank) in [
                    ("nickname", json!(member.to_string())),
                    ("account", Value::Null),
                    ("openid", Value::Null),
                    ("avatar_url", Value::Null),
                    ("notes", json!("")),
                    ("text", json!("-")),
                    ("pictures", json!([])),
                    ("replies", json!([])),
                    ("delivery", json!(Delivery::PickUp)),
                ] {
                    if let Some(field) = fields.get_mut(name) {
                        *field = blank;
                    }
                }
            }
            fields.values_mut().for_each(|value| blank(member, value));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| blank(member, value)),
        _ => {}
    }
}

/// Every night, once more for whoever was erased since: what was under way at the time may have come after, and a server may have been
/// killed in between.
pub struct FinishErasures;

impl Job for FinishErasures {
    fn name(&self) -> &'static str {
        "finish-erasures"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Daily { minute: 4 * 60 + 45 }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Pin<Box<dyn Future<Output = Result<Counts, String>> + Send + 'a>> {
        Box::pin(async {
            let wiped = finish(service).await.map_err(|failure| format!("erasures are not finished: {failure:?}"))?;
            Ok([("members".to_owned(), wiped)].into())
        })
    }
}

async fn finish(service: &Service) -> Result<i64, Failure> {
    let mut wiped = 0;
    for member in unwiped(service.store(), service.now().plus_millis(-HOUR_MS)).await? {
        service.wipe(member).await?;
        wiped += 1;
        let now = service.now();
        service.lanes().chore(move |writer| Box::pin(async move { writer.is_wiped(member, now).await })).await?;
    }
    if wiped > 0 {
        service.lanes().chore(|writer| Box::pin(async move { writer.forget_pages().await })).await?;
    }
    Ok(wiped)
}
