//! The job that books what is booked until told otherwise.

use futures_util::future::join_all;
use kernel::{Command, Counts, Outcome, RunSubscription, SubscriptionId};
use store::queries::subscriptions::{self as queries, OpenMeal};

use crate::jobs::counts;
use crate::{Failure, Job, Ran, Request, Schedule, Service};

/// How many subscriptions are booked at a time. They meet in the lane of their meal and share its commits.
const AT_ONCE: usize = 64;

/// Books the meals that take orders for every subscription that covers them and has not booked them yet. Which it has is written in
/// the booking's own transaction, so it does not matter how many servers run this, how often, or where one stops.
pub struct BookSubscriptions {
    pub every_ms: i64,
}

impl Job for BookSubscriptions {
    fn name(&self) -> &'static str {
        "book-subscriptions"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every { ms: self.every_ms }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(book(service))
    }
}

#[derive(Default)]
struct Tally {
    booked: i64,
    refused: i64,
    failed: i64,
}

async fn book(service: &Service) -> Result<Counts, String> {
    let now = service.now();
    let meals = queries::open_meals(service.store(), now.date_in(service.zone()), now).await;
    let mut tally = Tally::default();
    for meal in meals.map_err(|error| error.to_string())? {
        let mut after = SubscriptionId::new(0);
        while !service.is_stopping() {
            let due = queries::due(service.store(), &meal, after, AT_ONCE as i64).await;
            let due = due.map_err(|error| error.to_string())?;
            let Some(&last) = due.last() else { break };
            after = last;
            let runs = due.into_iter().map(|subscription| run(service, subscription, &meal));
            for part in join_all(runs).await {
                tally.booked += part.booked;
                tally.refused += part.refused;
                tally.failed += part.failed;
            }
        }
    }
    Ok(counts([("booked", tally.booked), ("refused", tally.refused), ("failed", tally.failed)]))
}

/// One that fails stops no other; the next run tries it again.
async fn run(service: &Service, subscription: SubscriptionId, meal: &OpenMeal) -> Tally {
    let command = Command::RunSubscription(RunSubscription { subscription, meal: meal.id });
    match service.run(Request::by_house(command)).await {
        Ok(Outcome::SubscriptionRun { run }) => {
            let count = |done: usize| i64::try_from(done).unwrap_or(i64::MAX);
            let booked = run.results.iter().filter(|result| result.order.is_some()).count();
            Tally { booked: count(booked), refused: count(run.results.len() - booked), failed: 0 }
        }
        // Paused, locked or past its time in the meantime.
        Err(Failure::Refused(_)) => Tally::default(),
        other => {
            tracing::error!(%subscription, meal = %meal.id, ?other, "a subscription cannot be booked");
            Tally { failed: 1, ..Tally::default() }
        }
    }
}
