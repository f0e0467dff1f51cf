//! A batch of twenty orders for fifty members, beside the thousand single orders that it stands for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use kernel::{
    Actor, BookMeals, Booking, Command, CreateDepartment, DepartmentCode, DepartmentId, InvalidText, Meal, MemberId,
    Outcome, Payer,
};
use service::{IdempotencyKey, Request, Service, System};
use store::{AnswerKey, Store};

use crate::lanes;
use crate::report::{Section, Table, decimal, times};

const MEMBERS: usize = 50;
const MEALS: usize = 20;

/// `arguments`: how many rounds (9).
pub(crate) async fn run(arguments: &[String]) -> Result<Section, String> {
    let rounds = arguments.first().map_or(Ok(9), |text| text.parse::<usize>()).map_err(|error| error.to_string())?;
    let mut table =
        Table::new(["engine", "batch, ms", "one after the other, ms", "times", "all at once, ms", "times "]);
    let folder = testing::TempDir::new();
    let sqlite = format!("sqlite:{}", folder.join("bench.db").display());
    let database = testing::postgres::fresh_database();
    for (engine, url) in [("SQLite", sqlite.as_str()), ("PostgreSQL", database.url())] {
        measure(engine, url, rounds, &mut table).await?;
    }
    Ok(Section {
        title: "Booking for a department",
        about: format!(
            "{MEALS} orders of {MEMBERS} members each in one request, beside the thousand single orders that it stands for, through the \
             lanes without HTTP; medians of {rounds} rounds. The books are checked at the end."
        ),
        table,
        charts: Vec::new(),
    })
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
async fn measure(engine: &str, url: &str, rounds: usize, table: &mut Table) -> Result<(), String> {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").map_err(|error| error.to_string())?;
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let service =
        Service::start(store, Arc::new(System), crate::settings(zone)?).await.map_err(|error| error.to_string())?;
    let (department, code) = department(&service).await?;
    let members = lanes::members(&service, MEMBERS, Some(code)).await?;
    let (mut batches, mut singles, mut together) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let meals = lanes::meals(&service, 3 * MEALS, 1000).await?;
        let (booked, rest) = meals.split_at(MEALS);
        let (one_by_one, at_once) = rest.split_at(MEALS);
        batches.push(book(&service, department, &members, booked, round).await?);
        singles.push(place_one_by_one(&service, &members, one_by_one, round).await?);
        together.push(place_at_once(&service, &members, at_once, round).await?);
    }
    let (batch, single, at_once) = (median(batches), median(singles), median(together));
    table.push([
        engine.to_owned(),
        decimal(batch, 1),
        decimal(single, 1),
        times(single / batch),
        decimal(at_once, 1),
        times(at_once / batch),
    ]);
    let report = service.check().await.map_err(|failure| format!("{failure:?}"))?;
    service.stop().await;
    if report.passes() { Ok(()) } else { Err(format!("the books are wrong: {:?}", report.counts())) }
}

async fn department(service: &Service) -> Result<(DepartmentId, DepartmentCode), String> {
    let said = |error: InvalidText| error.to_string();
    let code = DepartmentCode::try_from("BENCH".to_owned()).map_err(said)?;
    let name = "bench".to_owned().try_into().map_err(said)?;
    let create = CreateDepartment { code: code.clone(), name, pays: Payer::Department };
    match service.run(Request::by_house(Command::CreateDepartment(create))).await {
        Ok(Outcome::Department { department }) => Ok((department.id, code)),
        other => Err(format!("{other:?}")),
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement")]
async fn book(
    service: &Service,
    department: DepartmentId,
    members: &[MemberId],
    meals: &[Meal],
    round: usize,
) -> Result<Duration, String> {
    let booking = |(number, meal): (i64, &Meal)| {
        Ok(Booking {
            number,
            date: meal.date,
            slot: meal.slot,
            members: members.iter().copied().map(Some).collect(),
            remark: String::new().try_into().map_err(|error: InvalidText| error.to_string())?,
        })
    };
    let bookings = (1..).zip(meals).map(booking).collect::<Result<_, String>>()?;
    let booker = members[0];
    let request = Request {
        command: Command::BookMeals(BookMeals { department, bookings, atomic: false }),
        actor: Actor { member: Some(booker), ..Actor::house() },
        key: Some(IdempotencyKey {
            key: AnswerKey { caller: booker, key: format!("batch-{round}") },
            request_hash: [7; 32],
        }),
        dry_run: false,
    };
    let started = Instant::now();
    match service.run(request).await {
        Ok(Outcome::Booking(booking)) if booking.booked.len() == MEALS => Ok(started.elapsed()),
        other => Err(format!("{other:?}")),
    }
}

/// As somebody would who waits for each answer.
#[expect(clippy::disallowed_methods, reason = "a measurement")]
async fn place_one_by_one(
    service: &Service,
    members: &[MemberId],
    meals: &[Meal],
    round: usize,
) -> Result<Duration, String> {
    let started = Instant::now();
    for meal in meals {
        for &member in members {
            let order = lanes::order(member, meal.id, &format!("one-{round}-{}", meal.id))?;
            service.run(order).await.map_err(|failure| format!("{failure:?}"))?;
        }
    }
    Ok(started.elapsed())
}

#[expect(clippy::disallowed_methods, reason = "a measurement")]
async fn place_at_once(
    service: &Service,
    members: &[MemberId],
    meals: &[Meal],
    round: usize,
) -> Result<Duration, String> {
    let orders = meals.iter().flat_map(|meal| members.iter().map(move |&member| (member, meal.id)));
    let orders = orders.map(|(member, meal)| lanes::order(member, meal, &format!("all-{round}-{meal}")));
    let orders = orders.collect::<Result<Vec<_>, _>>()?;
    let started = Instant::now();
    try_join_all(orders.into_iter().map(|order| service.run(order))).await.map_err(|failure| format!("{failure:?}"))?;
    Ok(started.elapsed())
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}
