use axum::http::Method;
use kernel::{
    CabinetCommand, CabinetOrder, Code, Command, CorrectCabinetOrder, Corrected, CorrectionId, CorrectionOutcome,
    CorrectionState, DecideCorrection, Noun, Outcome, Permission, Reason, Refusal, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets as queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::cabinets::{CabinetOrderAnswer, CabinetOrderPath, CorrectedItem, CorrectionAnswer, find};
use crate::failure::Failure;
use crate::input::{Cursor, DryRun, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};
use crate::texts;

/// How many it were, and how anybody knows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewCorrection {
    /// Products that are not named stay as they are.
    items: Vec<CorrectedItem>,
    reason: Reason,
    /// The order's `corrections` as the sender has seen them; where somebody has corrected it since, nothing is done.
    corrections: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct CorrectionPath {
    correction_id: CorrectionId,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Objection {
    reason: Reason,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CorrectionQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
}

/// What became of an order by a correction.
#[derive(Serialize, JsonSchema)]
struct CorrectedOrder {
    correction: CorrectionAnswer,
    order: CabinetOrderAnswer,
    /// What charges the difference or gives it back; absent where nothing has to move, or not yet.
    surcharge: Option<CabinetOrderAnswer>,
}

/// A page of corrections, the longest waiting first.
#[derive(Serialize, JsonSchema)]
struct CorrectionPage {
    corrections: Vec<WaitingCorrection>,
    page_info: CursorInfo,
}

#[derive(Serialize, JsonSchema)]
struct WaitingCorrection {
    order_no: String,
    correction: CorrectionAnswer,
}

const CODES: &[Code] = &[Code::NotFound, Code::BusinessRule, Code::InvalidStatusTransition, Code::ConcurrencyError];

pub(crate) fn correct() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetCorrect,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/cabinet/orders/{order_no}/correct",
            id: "correctCabinetOrder",
            tag: Tag::Cabinets,
            summary: "Correct a cabinet order's quantities",
            description: "A linked order charges the difference in tickets or gives it back, and waits to be paid where there are too few. \
                What pay score has collected goes back at WeChat, and what it is collecting becomes less. What the order has had keeps its price, other products cost what the planogram says. With `dry_run` it says what would \
                happen. Who would move what the order costs by more than the house allows one person has to wait for another.",
            codes: CODES,
        },
        handle_correct,
    )
}

pub(crate) fn list() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetCorrect,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/cabinet/corrections",
            id: "listCorrections",
            tag: Tag::Cabinets,
            summary: "Corrections that wait for a second person",
            description: "The longest waiting first.",
            codes: &[],
        },
        handle_list,
    )
}

pub(crate) fn agree() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetCorrect,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/cabinet/corrections/{correction_id}/agree",
            id: "agreeToCorrection",
            tag: Tag::Cabinets,
            summary: "Agree to a correction",
            description: "Carries it out. Not for who asked for it.",
            codes: CODES,
        },
        handle_agree,
    )
}

pub(crate) fn refuse() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetCorrect,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/cabinet/corrections/{correction_id}/refuse",
            id: "refuseCorrection",
            tag: Tag::Cabinets,
            summary: "Refuse a correction",
            description: "The order stays as it is. Not for who asked for it.",
            codes: CODES,
        },
        handle_refuse,
    )
}

async fn handle_correct(
    app: App,
    caller: Caller,
    input: Input<CabinetOrderPath, DryRun, NewCorrection>,
) -> Result<Reply<CorrectedOrder>, Failure> {
    let NewCorrection { items, reason, corrections: seen } = input.body;
    let order = find(&app, &input.path.order_no).await?;
    let item = |CorrectedItem { product_code, quantity }| Corrected { code: product_code, quantity };
    let items = items.into_iter().map(item).collect();
    let (order, device, member) = (order.id, order.device, order.member);
    let command = CabinetCommand::Correct(CorrectCabinetOrder { order, device, member, items, reason, seen });
    run(&app, caller, command, input.query.dry_run).await
}

async fn handle_list(
    app: App,
    _: Caller,
    input: Input<Nothing, CorrectionQuery>,
) -> Result<Reply<CorrectionPage>, Failure> {
    let CorrectionQuery { limit, cursor } = input.query;
    let after = CorrectionId::new(cursor.get());
    let found = queries::waiting_corrections(app.store(), after, limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, limit, |(correction, _)| correction.id.get());
    let row = |(correction, order_no)| WaitingCorrection { order_no, correction: CorrectionAnswer::from(correction) };
    Ok(Reply::ok(CorrectionPage { corrections: found.into_iter().map(row).collect(), page_info }))
}

async fn handle_agree(
    app: App,
    caller: Caller,
    input: Input<CorrectionPath, DryRun>,
) -> Result<Reply<CorrectedOrder>, Failure> {
    let order = corrected(&app, input.path.correction_id).await?;
    let command = verdict(input.path.correction_id, &order, Verdict::Agree);
    run(&app, caller, command, input.query.dry_run).await
}

async fn handle_refuse(
    app: App,
    caller: Caller,
    input: Input<CorrectionPath, Nothing, Objection>,
) -> Result<Reply<CorrectedOrder>, Failure> {
    let order = corrected(&app, input.path.correction_id).await?;
    let command = verdict(input.path.correction_id, &order, Verdict::Refuse { note: input.body.reason });
    run(&app, caller, command, false).await
}

fn verdict(correction: CorrectionId, order: &CabinetOrder, verdict: Verdict) -> CabinetCommand {
    let (order, device, member) = (order.id, order.device, order.member);
    CabinetCommand::DecideCorrection(DecideCorrection { correction, order, device, member, verdict })
}

/// The order that a correction is about.
async fn corrected(app: &App, correction: CorrectionId) -> Result<CabinetOrder, Failure> {
    let missing = || Failure::from(Refusal::NotFound { noun: Noun::Correction });
    let correction = queries::correction(app.store(), correction).await?.ok_or_else(missing)?;
    queries::order(app.store(), correction.order).await?.ok_or_else(missing)
}

async fn run(
    app: &App,
    caller: Caller,
    command: CabinetCommand,
    dry_run: bool,
) -> Result<Reply<CorrectedOrder>, Failure> {
    let request = caller.tries(dry_run, Command::Cabinet(command));
    let Outcome::Correction(made) = app.service().run(request).await? else {
        return Err(Failure::fault("a correction answered something else"));
    };
    let CorrectionOutcome { correction, order, surcharge } = *made;
    let message = match correction.state {
        _ if dry_run => texts::DRY_RUN,
        CorrectionState::Waiting => texts::CORRECTION_WAITS,
        CorrectionState::Done { .. } => texts::CORRECTED,
        CorrectionState::Refused { .. } => texts::CORRECTION_REFUSED,
    };
    let order = CabinetOrderAnswer::of(app, order).await?;
    let surcharge = CabinetOrderAnswer::any(app, surcharge).await?;
    Ok(Reply::saying(message, CorrectedOrder { correction: correction.into(), order, surcharge }))
}
