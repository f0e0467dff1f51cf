//! `fanpiao repair`: what the check finds, put right through the lanes.

use std::collections::BTreeSet;
use std::process::ExitCode;

use kernel::{Cents, Command, MealId, Outcome, Refusal, RepairBalance, RepairCapacity, RepairOrderStates, RepairPool};
use service::{CheckReport, Failure, Request, Service};
use store::queries;

use crate::arguments::RepairArguments;
use crate::config::Config;
use crate::{Problem, check, compose};

pub(crate) async fn run(arguments: &RepairArguments, config: Config) -> Result<ExitCode, Problem> {
    let service = compose::start_service(&config).await?;
    let report = repair(&service, arguments).await;
    service.stop().await;
    let report = report?;
    check::print(&report);
    if !report.passes() && !arguments.apply {
        say!("nothing was changed; --apply does what can be done");
    }
    Ok(check::exit_code(&report))
}

/// Round by round, because a report lists no more than a hundred findings of a kind, and one repair makes way for another. The report
/// is that of the last check.
async fn repair(service: &Service, arguments: &RepairArguments) -> Result<CheckReport, Problem> {
    loop {
        let report = service.check().await.map_err(|failure| format!("the books cannot be read: {failure:?}"))?;
        let mut left = Vec::new();
        let mut repaired = false;
        for (subject, command) in repairs(service, &report, arguments, &mut left).await? {
            let request = Request { dry_run: !arguments.apply, ..Request::by_house(command) };
            match service.run(request).await {
                Ok(outcome) => {
                    if let Some(what) = changed(&outcome) {
                        say!("{} {subject}: {what}", if arguments.apply { "repaired" } else { "would repair" });
                        repaired = true;
                    }
                }
                Err(Failure::Refused(refusal)) => left.push(format!("{subject}: {}", words(&refusal))),
                Err(failure) => return Err(format!("{subject}: {failure:?}")),
            }
        }
        if !(repaired && arguments.apply) {
            left.iter().for_each(|line| say!("cannot repair {line}"));
            return Ok(report);
        }
    }
}

/// What has a repair; what has none goes to `left`. Balances come first: what is posted to a wrong one says a wrong balance for ever.
/// Pools come last, without those that the repairs before them line up as well.
async fn repairs(
    service: &Service,
    report: &CheckReport,
    arguments: &RepairArguments,
    left: &mut Vec<String>,
) -> Result<Vec<(String, Command)>, Problem> {
    let checks = &report.checks;
    let mut repairs = Vec::new();
    for found in &checks.balance.details {
        let command = Command::RepairBalance(RepairBalance { account: found.account_id });
        repairs.push((format!("balance of {} {}", found.owner_kind, found.owner_id), command));
    }

    let stale: BTreeSet<_> = checks.order_status.details.iter().map(|found| found.order_id).collect();
    let meals = queries::orders::meals(service.store(), &stale).await.map_err(|error| error.to_string())?;
    let mut lined_up: BTreeSet<MealId> = meals.into_values().collect();
    for &meal in &lined_up {
        let command = Command::RepairOrderStates(RepairOrderStates { meal });
        repairs.push((format!("orders of meal {meal}"), command));
    }

    for found in &checks.capacity.details {
        let meal = found.meal_id;
        let subject = format!("capacity of meal {meal}");
        let Some(strategy) = arguments.capacity else {
            let (ordered, most) = (found.ordered_quantity, found.max_capacity);
            left.push(format!("{subject}: {ordered} ordered of {most}; say who gives way with --capacity"));
            continue;
        };
        repairs.push((subject, Command::RepairCapacity(RepairCapacity { meal, strategy })));
        lined_up.insert(meal);
    }

    let pools: BTreeSet<_> = checks.holds.details.iter().map(|found| MealId::new(found.pool_id)).collect();
    for &meal in pools.difference(&lined_up) {
        repairs.push((format!("pool of meal {meal}"), Command::RepairPool(RepairPool { meal })));
    }

    for (what, count) in [
        ("balances after entries", checks.running.count),
        ("transfers that do not sum to zero", checks.transfers.count),
        ("orders that cost something else than was posted", checks.ledger.count),
    ] {
        if count > 0 {
            left.push(format!("{what}: {count} found, and no entry is ever rewritten"));
        }
    }
    Ok(repairs)
}

/// What a repair has changed, if anything was wrong.
fn changed(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::StatesRepair(repair) if !repair.orders.is_empty() => {
            let count = repair.orders.len();
            Some(format!("{count} brought to what the meal's state says, {} refunded", repair.refunded))
        }
        Outcome::CapacityRepair(repair) if !repair.orders.is_empty() => {
            let refunded = repair.orders.iter().map(|cut| cut.refund_cents.get()).sum();
            let (count, excess) = (repair.orders.len(), repair.excess_resolved);
            Some(format!("{excess} portions too many, {count} orders cut, {} refunded", Cents::new(refunded)))
        }
        Outcome::PoolRepair(repair) if repair.repaired() => {
            let (old, new, claims) = (repair.old_taken, repair.new_taken, repair.holds_changed);
            Some(format!("{old} taken → {new} taken, {claims} claims changed"))
        }
        Outcome::BalanceRepair(repair) if repair.repaired => {
            let (old, new) = (repair.old_balance, repair.new_balance);
            Some(format!("{old} → {new}, {} entries → {}", repair.old_entries, repair.new_entries))
        }
        _ => None,
    }
}

/// A refusal's name with its figures.
fn words(refusal: &Refusal) -> String {
    let value = serde_json::to_value(refusal).unwrap_or_default();
    let figures = value.as_object().into_iter().flatten().filter(|(key, _)| *key != "refusal");
    figures.fold(value["refusal"].as_str().unwrap_or("refused").to_owned(), |said, (key, value)| {
        format!("{said}, {key} {value}")
    })
}
