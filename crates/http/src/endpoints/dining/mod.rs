//! Batch booking. Its interface is older than the rest of the API and has manners of its own: camelCase, ids as text, money as a
//! number of yuan with two decimals.

pub(super) mod batch_orders;
pub(super) mod cancel_order;
pub(super) mod cancel_part;
pub(super) mod department_order;
pub(super) mod members;
pub(super) mod menu;
pub(super) mod orders;
pub(super) mod overview;
pub(super) mod quick_batch_orders;
pub(super) mod stats;

mod booking;

use std::borrow::Cow;

use kernel::{Cents, DepartmentId, GroupOrderId, OrderStatus, Permission};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use store::queries;

use crate::App;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::texts::{self, Language, say};

/// An amount in yuan, exact: `25.00`.
struct Yuan(Cents);

impl Serialize for Yuan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?;
        digits.serialize(serializer)
    }
}

impl JsonSchema for Yuan {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Yuan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "description": "Yuan, always with two decimals"})
    }
}

/// An id as these paths write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TextId(i64);

impl TryFrom<String> for TextId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| "not an id of ours")
    }
}

impl Serialize for TextId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for TextId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TextId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": 20, "pattern": "^[0-9]+$"})
    }
}

/// Which department; a caller who administers one only need not say so.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct DepartmentChoice {
    department_id: Option<TextId>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupOrderPath {
    #[serde(rename = "orderId")]
    order_id: TextId,
}

impl GroupOrderPath {
    fn id(&self) -> GroupOrderId {
        GroupOrderId::new(self.order_id.0)
    }
}

/// What the members' orders of a group order say together.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum BookedStatus {
    /// The meal still takes changes.
    Pending,
    /// The meal is locked.
    Confirmed,
    Completed,
    /// Nothing of it stands any more.
    Canceled,
}

impl BookedStatus {
    fn in_language(self, language: Language) -> &'static str {
        match self {
            Self::Pending => texts::text("可取消", "can be canceled"),
            Self::Confirmed => texts::text("已锁定", "locked"),
            Self::Completed => texts::text("已完成", "completed"),
            Self::Canceled => texts::text("已取消", "canceled"),
        }
        .in_language(language)
    }

    fn of(parts: impl Iterator<Item = OrderStatus>) -> Self {
        let first = |status| match status {
            OrderStatus::Active => Self::Pending,
            OrderStatus::Locked => Self::Confirmed,
            OrderStatus::Completed => Self::Completed,
            OrderStatus::Canceled | OrderStatus::Refunded => Self::Canceled,
        };
        let order = [Self::Pending, Self::Confirmed, Self::Completed, Self::Canceled];
        let states: Vec<_> = parts.map(first).collect();
        order.into_iter().find(|state| states.contains(state)).unwrap_or(Self::Canceled)
    }
}

/// The department that a caller means, if the caller may book for it.
async fn department(app: &App, caller: &Caller, named: Option<TextId>) -> Result<DepartmentId, Failure> {
    let rights = &caller.identity.rights;
    let allowed = |department| rights.allow_in(Permission::DepartmentBook, department);
    if let Some(TextId(id)) = named {
        let department = DepartmentId::new(id);
        return if allowed(department) { Ok(department) } else { Err(not_yours()) };
    }
    if let [only] = rights.departments_with(Permission::DepartmentBook)[..] {
        return Ok(only);
    }
    let home = queries::members::department_of(app.store(), caller.identity.member).await?;
    match home.map(|department| department.id).filter(|&department| allowed(department)) {
        Some(department) => Ok(department),
        None => Err(Failure::invalid("departmentId", say!(caller.language, "请指明部门", "say which department"))),
    }
}

fn not_yours() -> Failure {
    Failure::Said(kernel::Code::PermissionDenied, texts::NOT_YOUR_DEPARTMENT)
}

/// A group order that the caller may see and touch.
async fn group_order(app: &App, caller: &Caller, id: GroupOrderId) -> Result<kernel::GroupOrder, Failure> {
    let found = queries::group_orders::one(app.store(), id).await?;
    let found = found.ok_or(kernel::Refusal::NotFound { noun: kernel::Noun::GroupOrder })?;
    if caller.identity.rights.allow_in(Permission::DepartmentBook, found.department) {
        Ok(found)
    } else {
        Err(not_yours())
    }
}
