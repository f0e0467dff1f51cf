use axum::http::Method;
use kernel::{
    CabinetCommand, CabinetOrder, Code, Command, CorrectCabinetOrder, Corrected, CorrectionId, CorrectionOutcome,
    CorrectionState, DecideCorrection, Noun, Outcome, Permission, Reason, Refusal, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::lists::{Page, Placed};
use store::queries::cabinets::{self as queries, CorrectionSorting};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::cabinets::{CabinetOrderAnswer, CabinetOrderPath, CorrectedItem, CorrectionAnswer, find};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing};
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
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

list_query!(CorrectionQuery, CorrectionFileQuery, CorrectionSorting, {});

/// What became of an order by a correction.
#[derive(Serialize, JsonSchema)]
struct CorrectedOrder {
    correction: CorrectionAnswer,
    order: CabinetOrderAnswer,
    /// What charges the difference or gives it back; absent where nothing has to move, or not yet.
    surcharge: Option<CabinetOrderAnswer>,
}

/// A page of corrections.
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
            description: "The longest waiting first, unless asked for otherwise.",
            codes: &[],
        },
        handle_list,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Waiting>(
        Permission::CabinetCorrect,
        "/api/v1/admin/cabinet/corrections/export",
        "exportCorrections",
        Tag::Cabinets,
        "Corrections that wait for a second person, as a workbook",
        &[],
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

/// Those that wait, as the list shows them.
enum Waiting {}

impl Listed for Waiting {
    type Path = Nothing;
    type Query = CorrectionFileQuery;
    type Row = WaitingCorrection;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        _: &CorrectionFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<WaitingCorrection>>, Failure> {
        let found = listed(queries::waiting_corrections(app.store(), page).await, caller.language)?;
        let row =
            |(correction, order_no)| WaitingCorrection { order_no, correction: CorrectionAnswer::from(correction) };
        Ok(found.into_iter().map(|placed| placed.map(row)).collect())
    }
}

impl Filed for Waiting {
    const NAMES: (&'static str, &'static str) = ("待复核的修正", "corrections");
    const COLUMNS: &'static [FileColumn<WaitingCorrection>] = &[
        FileColumn::new("订单号", 32, |row| Cell::text(&row.order_no)),
        FileColumn::new("改为", 40, |row| Cell::text(row.correction.counts())),
        FileColumn::new("差额(元)", 12, |row| Cell::Cents(row.correction.difference_cents)),
        FileColumn::new("原因", 30, |row| Cell::text(row.correction.reason.as_str())),
        FileColumn::new("提出人ID", 18, |row| {
            Cell::or_nothing(row.correction.asked_by, |id| Cell::Integer(id.get()))
        }),
        FileColumn::new("提出时间", 20, |row| Cell::Moment(row.correction.created_at)),
    ];
}

async fn handle_list(
    app: App,
    caller: Caller,
    input: Input<Nothing, CorrectionQuery>,
) -> Result<Reply<CorrectionPage>, Failure> {
    let (corrections, page_info) = list::read::<Waiting>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(CorrectionPage { corrections, page_info }))
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
