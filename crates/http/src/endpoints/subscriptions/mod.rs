//! Meals booked until told otherwise.

pub(super) mod change;
pub(super) mod create;
pub(super) mod list;
pub(super) mod runs;

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Date, DepartmentId, Instant, MemberId, Note, Noun, Permission, PickupWindow, Refusal, Slot, Subscriber,
    Subscription, SubscriptionId, SubscriptionStatus, Weekdays,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::subscriptions::Named;

use crate::App;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::list::{FileColumn, Shown as Cell};
use crate::texts::{self, Language};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct SubscriptionPath {
    subscription_id: SubscriptionId,
}

/// What is booked until told otherwise.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SubscriptionAnswer {
    subscription_id: SubscriptionId,
    /// Only where a department books.
    #[serde(skip_serializing_if = "Option::is_none")]
    department_id: Option<DepartmentId>,
    members: Vec<BookedMember>,
    slot: Slot,
    weekdays: Weekdays,
    first_date: Date,
    last_date: Option<Date>,
    notes: Note,
    pickup_window: Option<PickupWindow>,
    status: SubscriptionStatus,
    created_at: Instant,
    updated_at: Instant,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct BookedMember {
    user_id: MemberId,
    uid: String,
    nickname: String,
}

impl BookedMember {
    fn new(id: MemberId, names: &BTreeMap<MemberId, Named>) -> Self {
        let named = names.get(&id);
        Self {
            user_id: id,
            uid: named.map(|named| named.uid.clone()).unwrap_or_default(),
            nickname: named.map(|named| named.nickname.clone()).unwrap_or_default(),
        }
    }
}

impl SubscriptionAnswer {
    const COLUMNS: &'static [FileColumn<Self>] = &[
        FileColumn::new("编号", 18, |row| Cell::Integer(row.subscription_id.get())),
        FileColumn::new("餐次", 8, |row| Cell::text(texts::slot(row.slot, Language::Chinese))),
        FileColumn::new("星期", 16, |row| Cell::text(row.days())),
        FileColumn::new("人数", 8, |row| Cell::Integer(i64::try_from(row.members.len()).unwrap_or(i64::MAX))),
        FileColumn::new("成员", 40, |row| Cell::text(row.names())),
        FileColumn::new("开始日期", 12, |row| Cell::text(row.first_date.to_string())),
        FileColumn::new("结束日期", 12, |row| Cell::or_nothing(row.last_date, |date| Cell::text(date.to_string()))),
        FileColumn::new("取餐时间", 16, |row| {
            Cell::or_nothing(row.pickup_window, |window| Cell::text(window.to_string()))
        }),
        FileColumn::new("状态", 10, |row| Cell::text(row.status.as_str())),
        FileColumn::new("备注", 30, |row| Cell::text(row.notes.as_str())),
        FileColumn::new("创建时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("更新时间", 20, |row| Cell::Moment(row.updated_at)),
    ];

    /// As it is said of a week: 一三五.
    fn days(&self) -> String {
        let names = ['一', '二', '三', '四', '五', '六', '日'];
        Vec::from(self.weekdays).into_iter().filter_map(|day| names.get(usize::from(day) - 1)).collect()
    }

    fn names(&self) -> String {
        self.members.iter().map(|member| member.nickname.as_str()).collect::<Vec<_>>().join("、")
    }

    async fn list(app: &App, subscriptions: Vec<Subscription>) -> Result<Vec<Self>, Failure> {
        let members: BTreeSet<MemberId> =
            subscriptions.iter().flat_map(|subscription| subscription.members.iter().copied()).collect();
        let names = queries::subscriptions::names(app.store(), &members).await?;
        let answer = |subscription: Subscription| Self {
            subscription_id: subscription.id,
            department_id: match subscription.owner {
                Subscriber::Department(department) => Some(department),
                Subscriber::Member(_) => None,
            },
            members: subscription.members.iter().map(|&member| BookedMember::new(member, &names)).collect(),
            slot: subscription.slot,
            weekdays: subscription.weekdays,
            first_date: subscription.first_date,
            last_date: subscription.last_date,
            notes: subscription.notes,
            pickup_window: subscription.pickup_window,
            status: subscription.status,
            created_at: subscription.created_at,
            updated_at: subscription.updated_at,
        };
        Ok(subscriptions.into_iter().map(answer).collect())
    }

    async fn one(app: &App, subscription: Subscription) -> Result<Self, Failure> {
        let answers = Self::list(app, vec![subscription]).await?;
        answers.into_iter().next().ok_or_else(|| Failure::fault("a subscription is missing"))
    }
}

/// The caller, or a department that the caller may book for.
fn owner(caller: &Caller, department: Option<DepartmentId>) -> Result<Subscriber, Failure> {
    match department {
        None => Ok(Subscriber::Member(caller.identity.member)),
        Some(department) if caller.identity.rights.allow_in(Permission::DepartmentBook, department) => {
            Ok(Subscriber::Department(department))
        }
        Some(_) => Err(Failure::Said(kernel::Code::PermissionDenied, texts::NOT_YOUR_DEPARTMENT)),
    }
}

/// One that the caller may see and change. Whose it is never changes.
async fn own(app: &App, caller: &Caller, id: SubscriptionId) -> Result<Subscription, Failure> {
    let found = queries::subscriptions::one(app.store(), id).await?;
    let found = found.ok_or(Refusal::NotFound { noun: Noun::Subscription })?;
    match found.owner {
        Subscriber::Member(member) if member == caller.identity.member => Ok(found),
        Subscriber::Member(_) => Err(Refusal::NotYours.into()),
        Subscriber::Department(department) => owner(caller, Some(department)).map(|_| found),
    }
}
