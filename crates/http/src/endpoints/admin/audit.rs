use axum::http::Method;
use kernel::{Instant, MemberId, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::first_id_at;
use store::lists::{Order, Page, Place, Placed};
use store::queries;
use store::queries::audits::{AuditSorting, Filter, Record};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing, Search};
use crate::list::{self, Asked, FileColumn, Filed, Listed, Shown as Cell};
use crate::reply::{CursorInfo, Reply};

/// Ids carry the time, but they may be ahead of it where a clock was set back: records of this much later are looked at as well.
const CLOCKS_ARE_WRONG_BY_MS: i64 = 24 * 3_600_000;

/// Where the ids of all are that were made from one moment up to, but not at, another: from the first up to, but not at, the second.
pub(crate) fn ids_between(from: Option<Instant>, to: Option<Instant>) -> (i64, i64) {
    let end = to.map(|to| first_id_at(to.plus_millis(CLOCKS_ARE_WRONG_BY_MS)));
    (from.map_or(0, first_id_at), end.unwrap_or(i64::MAX))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// Who did it.
    actor_id: Option<MemberId>,
    /// `order`, `batch`, `meal`, `member`, `department`, `product`, `round`, `job`, `job_run`, `topup`, `refund`, `group_order`
    /// or `exception`.
    object_kind: Option<Search>,
    /// What it was done to.
    object_id: Option<i64>,
    action: Option<Search>,
    from: Option<Instant>,
    /// Up to, but not at, this moment.
    to: Option<Instant>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// What of the audit trail is wanted in a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditFileQuery {
    /// Who did it.
    actor_id: Option<MemberId>,
    object_kind: Option<Search>,
    /// What it was done to.
    object_id: Option<i64>,
    action: Option<Search>,
    from: Option<Instant>,
    /// Up to, but not at, this moment.
    to: Option<Instant>,
}

/// A page of the audit trail, newest first.
#[derive(Serialize, JsonSchema)]
struct AuditPage {
    records: Vec<AuditRow>,
    page_info: CursorInfo,
}

/// Who did what to what, when and why.
#[derive(Serialize, JsonSchema)]
struct AuditRow {
    audit_id: i64,
    at: Instant,
    /// Absent for the house itself: a job, a callback, the command line.
    actor_id: Option<MemberId>,
    actor_nickname: Option<String>,
    action: String,
    object_kind: String,
    object_id: i64,
    before: Option<Value>,
    after: Option<Value>,
    reason: Option<String>,
}

impl From<Record> for AuditRow {
    fn from(record: Record) -> Self {
        Self {
            audit_id: record.id,
            at: record.at,
            actor_id: record.actor,
            actor_nickname: record.nickname,
            action: record.action,
            object_kind: record.object_kind,
            object_id: record.object,
            before: record.before,
            after: record.after,
            reason: record.reason,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::AuditRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/audit",
            id: "listAudit",
            tag: Tag::Administration,
            summary: "The audit trail",
            description: "All filters have to hold. A page costs the same however long the trail is. The actions are: \
                          `order.place`, `order.modify`, `order.cancel`, `order.lock`, `order.unlock`, \
                          `order.complete`, `order.refund`, `order.reduce`, `order.redeem`, `order.batch`; \
                          `group_order.place`, `group_order.cancel`; `meal.create`, `meal.edit`, `meal.publish`, \
                          `meal.lock`, `meal.unlock`, `meal.complete`, `meal.cancel`, `meal.repost`; `member.sign_up`, \
                          `member.add`, `member.edit`, `member.grant_role`, `member.take_role`, `role.create`, `role.edit`, `role.delete`, `member.close_session`, `member.disable`, `member.erase`, `member.export`, `member.see_openid`, `member.see_address`, `member.enable`, `member.set_overdraft`, \
                          `member.set_password`, `member.turn_on_second_factor`, `member.turn_off_second_factor`, \
                          `member.reset_second_factor`, `member.renew_recovery_codes`, `member.use_recovery_code`; `subscription.create`, `subscription.pause`, `subscription.resume`, `subscription.end`; `wallet.grant`, \
                          `wallet.adjust`; `department.create`, `department.edit`, \
                          `department.fund`, `department.adjust`; `repair.balance`, `repair.capacity`, \
                          `repair.order_states`, `repair.pool`; `product.create`, `product.edit`, `product.stock`, `product.round`; \
                          `round.create`, `round.sold_out`, `round.draw`, `round.close`, `round.cancel`; \
                          `shop_order.place`, `shop_order.pay`, `shop_order.settle`, `shop_order.cancel`, `shop_order.step`, \
                          `shop_order.refund`, `shop_order.expire`, `shop_order.prize`, `shop_order.stuck`, `shop_order.park`, `shop_order.resolve`, \
                          `shop_order.return`; `job.run`, `job.pause`, `job.resume`; `alert.silence`, `alert.end_silence`, `alert.try_channel`; \
                          `topup.create`, `topup.settle`, `topup.expire`, `topup.fail`, `topup.take_back`, `topup.refund`, \
                          `refund.succeed`, `refund.return`, `refund.record`; `store.create`, `store.edit`, `device.create`, \
                          `device.edit`, `device.planogram`, `device.stock`, `device.online`, \
                          `device.offline`, `door.open`, `door.opened`, `door.closed`, `door.fail`, `door.lapse`, `door.settle`, \
                          `door.hold`, `door.release`, `pay_score.run`, `pay_score.complete`, `pay_score.collect`, `pay_score.lower`, `pay_score.pay`, `pay_score.refund`, \
                          `pay_score.cancel`, `pay_score.end`, `cabinet_order.place`, `cabinet_order.pay`, `cabinet_order.pay_fail`, \
                          `cabinet_order.correct`, `cabinet_order.ask_correction`, `cabinet_order.refuse_correction`, \
                          `cabinet_order.withdraw`, `cabinet_order.refund`, `complaint.file`, `complaint.assign`, `complaint.answer`, \
                          `complaint.close`, `complaint.refund`, `tickets.adjust`, \
                          `callback.refuse`, `sales.send`; `exception.raise`, `exception.assign`, `exception.resolve`.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Trail>(
        Permission::AuditRead,
        "/api/v1/admin/audit/export",
        "exportAudit",
        Tag::Administration,
        "The audit trail as a workbook",
        &[],
    )
}

impl AuditFileQuery {
    /// The records before this one.
    async fn find(&self, app: &App, caller: &Caller, before: i64, limit: i64) -> Result<Vec<AuditRow>, Failure> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Failure::ends_before_it_begins("from", "to", caller.language));
        }
        let (first_id, end) = ids_between(self.from, self.to);
        let filter = Filter {
            actor: self.actor_id,
            object_kind: self.object_kind.clone().map(Search::into_inner),
            object: self.object_id,
            action: self.action.clone().map(Search::into_inner),
            from: self.from,
            to: self.to,
            first_id,
            before_id: before.min(end),
        };
        let found = queries::audits::list(app.store(), &filter, limit).await?;
        Ok(found.into_iter().map(AuditRow::from).collect())
    }
}

impl Asked for AuditFileQuery {
    type Sorting = AuditSorting;

    fn order(&self) -> Order {
        Order::usual::<AuditSorting>()
    }
}

/// The trail, newest first.
enum Trail {}

impl Listed for Trail {
    type Path = Nothing;
    type Query = AuditFileQuery;
    type Row = AuditRow;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &AuditFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<AuditRow>>, Failure> {
        let before = page.after.as_ref().map_or(i64::MAX, |place| place.id);
        let found = query.find(app, caller, before, page.limit).await?;
        let placed = |row: AuditRow| Placed { place: Place { value: row.audit_id.into(), id: row.audit_id }, row };
        Ok(found.into_iter().map(placed).collect())
    }
}

impl Filed for Trail {
    const NAMES: (&'static str, &'static str) = ("审计", "audit");
    const COLUMNS: &'static [FileColumn<AuditRow>] = &[
        FileColumn::new("编号", 18, |row| Cell::Integer(row.audit_id)),
        FileColumn::new("时间", 20, |row| Cell::Moment(row.at)),
        FileColumn::new("操作人编号", 18, |row| Cell::or_nothing(row.actor_id, |id| Cell::Integer(id.get()))),
        FileColumn::new("操作人", 16, |row| Cell::or_nothing(row.actor_nickname.as_deref(), Cell::text)),
        FileColumn::new("操作", 24, |row| Cell::text(&row.action)),
        FileColumn::new("对象", 16, |row| Cell::text(&row.object_kind)),
        FileColumn::new("对象编号", 18, |row| Cell::Integer(row.object_id)),
        FileColumn::new("之前", 40, |row| {
            Cell::or_nothing(row.before.as_ref(), |value| Cell::text(value.to_string()))
        }),
        FileColumn::new("之后", 40, |row| {
            Cell::or_nothing(row.after.as_ref(), |value| Cell::text(value.to_string()))
        }),
        FileColumn::new("原因", 30, |row| Cell::or_nothing(row.reason.as_deref(), Cell::text)),
    ];
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, AuditQuery>) -> Result<Reply<AuditPage>, Failure> {
    let AuditQuery { actor_id, object_kind, object_id, action, from, to, limit, cursor } = input.query;
    let wanted = AuditFileQuery { actor_id, object_kind, object_id, action, from, to };
    let found = wanted.find(&app, &caller, cursor.map_or(i64::MAX, Cursor::get), limit.and_one()).await?;
    let (records, page_info) = CursorInfo::cut(found, limit, |record| record.audit_id);
    Ok(Reply::ok(AuditPage { records, page_info }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every action that the kernel writes is named where people look for it.
    #[test]
    fn all_actions_are_described() {
        let described = super::endpoint().declared.description;
        let mut actions = 0;
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernel/src/decide");
        let files = [rules.clone(), rules.join("shop")].map(|folder| std::fs::read_dir(folder).expect("the rules"));
        for path in files.into_iter().flatten().map(|entry| entry.expect("a file").path()).filter(|path| path.is_file())
        {
            let text = std::fs::read_to_string(path).expect("read");
            for literal in text.split('"').skip(1).step_by(2) {
                let is_action = literal.split_once('.').is_some_and(|(noun, verb)| {
                    let is_word =
                        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                    is_word(noun) && is_word(verb)
                });
                if is_action {
                    actions += 1;
                    assert!(described.contains(&format!("`{literal}`")), "{literal} is not described");
                }
            }
        }
        assert!(actions > 10, "only {actions} actions were found");
    }
}
