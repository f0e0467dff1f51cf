use axum::http::Method;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use kernel::{
    Code, Command, CopiedMeal, CopyMeals, CreateMeal, Date, Instant, Meal, MealCopy, MealId, MealStatus, MenuOption,
    Outcome, Permission, Price, Slot,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::meals::{Drafts, Filter};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts::{self, say};

/// Any day of the week to copy, and any day of the week to fill.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WeekCopy {
    from: Date,
    to: Date,
}

/// What became of each meal, in the order in which they are eaten.
#[derive(Serialize, JsonSchema)]
struct WeekCopied {
    success_count: usize,
    failed_count: usize,
    details: Vec<CopyRow>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct CopyRow {
    source_meal_id: MealId,
    date: Date,
    slot: Slot,
    /// The new draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    meal_id: Option<MealId>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<Code>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/meals/copy-week",
            id: "copyWeek",
            tag: Tag::Meals,
            summary: "Copy a week's meals into another week",
            description: "Weeks begin on Monday. Every meal that is not canceled becomes a draft on the same weekday, its \
                          deadline at the same time of day. A date and slot that is taken is reported and left as it is.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, WeekCopy>,
) -> Result<Reply<WeekCopied>, Failure> {
    let (from, to) = (monday(input.body.from), monday(input.body.to));
    for (field, monday) in [("from", from), ("to", to)] {
        // At the calendar's ends there are weeks without all of their days.
        if (monday.weekday(), monday.plus_days(6).weekday()) != (1, 7) {
            let problem = say!(caller.language, "该周超出日历范围", "is in a week that the calendar does not hold");
            return Err(Failure::invalid(field, problem));
        }
    }
    let filter = Filter { from: Some(from), to: Some(from.plus_days(6)), status: None, drafts: Drafts::Shown };
    // All of them: a week holds few meals that are not canceled.
    let meals = queries::meals::list(app.store(), &filter, i64::MAX, 0).await?;
    let copies = meals.into_iter().filter(|(meal, _)| meal.status != MealStatus::Canceled);
    let copies = copies.map(|(meal, pool)| {
        let date = to.plus_days(i32::from(meal.date.weekday()) - 1);
        copy(meal, pool.capacity, date, app.zone())
    });
    let command = Command::CopyMeals(CopyMeals { copies: copies.collect::<Result<_, _>>()? });
    let language = caller.language;
    let Outcome::Meals { copies } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("a copy of meals answered something else"));
    };
    let row = |CopiedMeal { source, date, slot, copy }| {
        let (meal_id, message, error_code) = match copy {
            Ok(meal) => (Some(meal), texts::CREATED.in_language(language).to_owned(), None),
            Err(refusal) => {
                let (code, message) = Failure::from(refusal).in_words(language, app.zone());
                (None, message, Some(code))
            }
        };
        CopyRow { source_meal_id: source, date, slot, meal_id, message, error_code }
    };
    let details: Vec<CopyRow> = copies.into_iter().map(row).collect();
    let failed_count = details.iter().filter(|row| row.error_code.is_some()).count();
    let answer = WeekCopied { success_count: details.len() - failed_count, failed_count, details };
    Ok(Reply::saying(texts::OK, answer))
}

fn monday(date: Date) -> Date {
    date.plus_days(1 - i32::from(date.weekday()))
}

fn copy(meal: Meal, capacity: i64, date: Date, zone: &TimeZone) -> Result<MealCopy, Failure> {
    let priced = |cents: kernel::Cents| {
        Price::try_from(cents.get()).map_err(|_| Failure::fault("a stored price is out of range"))
    };
    let mut options = Vec::with_capacity(meal.options.len());
    for option in meal.options {
        options.push(MenuOption { id: Some(option.id), name: option.name, price_cents: priced(option.price_cents)? });
    }
    let copy = CreateMeal {
        date,
        slot: meal.slot,
        title: meal.title,
        description: meal.description,
        base_price: priced(meal.base_price)?,
        capacity,
        options,
        orders_close_at: meal.orders_close_at.and_then(|closes| moved(closes, meal.date, date, zone)),
        pickup_windows: meal.pickup_windows,
        publish: false,
    };
    Ok(MealCopy { source: meal.id, meal: copy })
}

/// The same time of day as many days later as the meals are apart, whatever the clocks did in between.
fn moved(closes: Instant, meal: Date, copy: Date, zone: &TimeZone) -> Option<Instant> {
    let day = |date: Date| date.to_string().parse::<jiff::civil::Date>().ok();
    let days = day(meal)?.until(day(copy)?).ok()?.get_days();
    let wall = zone.to_datetime(jiff::Timestamp::from_millisecond(closes.as_millis()).ok()?);
    let moment = zone.to_timestamp(wall.checked_add(days.days()).ok()?).ok()?;
    Some(Instant::from_millis(moment.as_millisecond()))
}
