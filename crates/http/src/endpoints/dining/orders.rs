use axum::http::Method;
use kernel::{Cents, Code, Date, Instant, Note, OrderStatus, Permission, Slot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::group_orders::{Listed, Part};

use super::{BookedStatus, TextId, Yuan};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Limit, Nothing, Page};
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OrdersQuery {
    /// All dates where absent.
    date: Option<Date>,
    department_id: Option<TextId>,
    /// From 1.
    #[serde(default)]
    page: Page,
    #[serde(default)]
    page_size: Limit,
}

/// A page of a department's group orders, newest first.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DepartmentOrders {
    orders: Vec<DepartmentOrderRow>,
    total: i64,
    page: i64,
    page_size: i64,
}

/// A group order with the orders of its members.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct DepartmentOrderRow {
    order_id: TextId,
    date: Date,
    meal_type: Slot,
    /// Of the orders that stand, as is the amount.
    member_count: usize,
    total_amount: Yuan,
    status: BookedStatus,
    remark: Note,
    /// Who booked it.
    placed_by: Option<String>,
    created_at: Instant,
    members: Vec<PartRow>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct PartRow {
    user_id: String,
    name: String,
    amount: Yuan,
    status: OrderStatus,
    redeemed_at: Option<Instant>,
}

impl DepartmentOrderRow {
    fn new(listed: Listed, parts: Vec<Part>) -> Self {
        let standing = || parts.iter().filter(|part| part.status.stands());
        let total = standing().map(|part| part.total.get()).sum();
        Self {
            order_id: TextId(listed.group_order.id.get()),
            date: listed.date,
            meal_type: listed.slot,
            member_count: standing().count(),
            total_amount: Yuan(Cents::new(total)),
            status: BookedStatus::of(parts.iter().map(|part| part.status)),
            remark: listed.group_order.remark,
            placed_by: listed.placed_by,
            created_at: listed.group_order.created_at,
            members: parts.into_iter().map(PartRow::from).collect(),
        }
    }
}

impl From<Part> for PartRow {
    fn from(part: Part) -> Self {
        Self {
            user_id: part.uid,
            name: part.nickname,
            amount: Yuan(part.total),
            status: part.status,
            redeemed_at: part.redeemed_at,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::GET,
            path: "/api/dining/enhanced/department-orders",
            id: "listGroupOrders",
            tag: Tag::Booking,
            summary: "What a department booked",
            description: "Group orders with the orders of their members.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, OrdersQuery>,
) -> Result<Reply<DepartmentOrders>, Failure> {
    let OrdersQuery { date, department_id, page, page_size } = input.query;
    let department = super::department(&app, &caller, department_id).await?;
    let offset = (page.get() - 1) * page_size.get();
    let found = queries::group_orders::list(app.store(), department, date, page_size.get(), offset).await?;
    let total = queries::group_orders::count(app.store(), department, date).await?;
    let ids = found.iter().map(|listed| listed.group_order.id).collect();
    let mut parts = queries::group_orders::parts(app.store(), &ids).await?;
    let row = |listed: Listed| {
        let parts = parts.remove(&listed.group_order.id).unwrap_or_default();
        DepartmentOrderRow::new(listed, parts)
    };
    let orders = found.into_iter().map(row).collect();
    Ok(Reply::ok(DepartmentOrders { orders, total, page: page.get(), page_size: page_size.get() }))
}
