use axum::http::Method;
use kernel::{Fulfilment, MemberId, Permission, ProductId, RoundId, ShopOrder, ShopStatus};
use schemars::JsonSchema;
use serde::Serialize;
use store::lists::{Page, Placed};
use store::queries::shop::{self as queries, Of, ShopOrderSorting};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Nothing, Problem};
use crate::list::{self, FileColumn, Filed, Listed, list_query, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts;

use crate::endpoints::shop::ShopOrderAnswer;

list_query!(AllOrderQuery, OrderFileQuery, ShopOrderSorting, {
    status: Option<ShopStatus>,
    fulfillment_status: Option<Fulfilment>,
    user_id: Option<MemberId>,
    product_id: Option<ProductId>,
    round_id: Option<RoundId>,
});

/// A page of shop orders.
#[derive(Serialize, JsonSchema)]
struct AllOrderPage {
    orders: Vec<ShopOrderAnswer>,
    page_info: CursorInfo,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopOrders,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/shop/orders",
            id: "listAllShopOrders",
            tag: Tag::Shop,
            summary: "Everybody's shop orders",
            description: "Newest first, unless asked for otherwise, page by page; of one member, one product or one round.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Orders>(
        Permission::ShopOrders,
        "/api/v1/admin/shop/orders/export",
        "exportShopOrders",
        Tag::Shop,
        "Everybody's shop orders as a workbook",
        &[],
    )
}

/// Shop orders, as the list shows them.
enum Orders {}

impl Listed for Orders {
    type Path = Nothing;
    type Query = OrderFileQuery;
    type Row = ShopOrderAnswer;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &OrderFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<ShopOrderAnswer>>, Failure> {
        let of = match (query.user_id, query.product_id, query.round_id) {
            (None, None, None) => Of::All,
            (Some(member), None, None) => Of::Member(member),
            (None, Some(product), None) => Of::Product(product),
            (None, None, Some(round)) => Of::Round(round),
            _ => {
                let problem = texts::say!(
                    caller.language,
                    "user_id、product_id、round_id 只能给出一个",
                    "give one of user_id, product_id, round_id"
                );
                return Err(Failure::Invalid(vec![Problem::new("user_id", problem)]));
            }
        };
        let found = queries::orders(app.store(), of, query.status, query.fulfillment_status, page).await;
        let (vault, reader) = (app.service().vault(), caller.identity.member);
        let row = |order: Placed<ShopOrder>| order.try_map(|order| ShopOrderAnswer::new(vault, reader, order));
        Ok(listed(found, caller.language)?.into_iter().map(row).collect::<Result<_, _>>()?)
    }
}

impl Filed for Orders {
    const NAMES: (&'static str, &'static str) = ("商城订单", "shop_orders");
    const COLUMNS: &'static [FileColumn<ShopOrderAnswer>] = ShopOrderAnswer::COLUMNS;
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, AllOrderQuery>,
) -> Result<Reply<AllOrderPage>, Failure> {
    let (orders, page_info) = list::read::<Orders>(&app, &caller, &input.path, input.query.split()).await?;
    Ok(Reply::ok(AllOrderPage { orders, page_info }))
}
