//! What members see of the shop, and what they buy there.

pub(crate) mod cancel;
pub(crate) mod orders;
pub(crate) mod pay;
pub(crate) mod picture;
pub(crate) mod place;
pub(crate) mod product;
pub(crate) mod products;
pub(crate) mod proof;
pub(crate) mod query;
pub(crate) mod round;
pub(crate) mod rounds;
pub(crate) mod show;

use kernel::{
    Cents, Command, Delivery, GivenBack, Goods, Instant, MemberId, Note, Notes, Noun, OrderId, Outcome, PayWith,
    Picture, Product, ProductId, Quantity, Refusal, Round, RoundId, RoundOutcome, RoundState, RoundStatus, ShopCommand,
    ShopOrder, ShopOrderState, ShopStatus, Title, Warning, numbered_order,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::{PictureName, Vault};
use store::queries::shop::{self as queries, Offered};
use store::queries::topups;

use super::topups::{PayableTopup, TopupAnswer};
use crate::App;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Cursor;
use crate::list::{FileColumn, Shown as Cell};
use crate::texts::{self, Language};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct ProductPath {
    pub(crate) product_id: ProductId,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct RoundPath {
    pub(crate) round_id: RoundId,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct OrderNoPath {
    pub(crate) order_no: String,
}

/// A product.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProductAnswer {
    product_id: ProductId,
    name_zh: Title,
    name_en: Option<Title>,
    description: Note,
    price_cents: Cents,
    /// How many pieces one member may have in orders that stand.
    limit_per_member: Option<Quantity>,
    on_sale: bool,
    /// How many pieces can be bought now.
    stock: i64,
    /// In the order in which they are shown.
    pictures: Vec<PictureAnswer>,
    created_at: Instant,
    updated_at: Instant,
}

impl ProductAnswer {
    pub(crate) const COLUMNS: &'static [FileColumn<Self>] = &[
        FileColumn::new("商品ID", 18, |row| Cell::Integer(row.product_id.get())),
        FileColumn::new("名称", 24, |row| Cell::text(row.name_zh.as_str())),
        FileColumn::new("英文名称", 24, |row| {
            Cell::or_nothing(row.name_en.as_ref(), |name| Cell::text(name.as_str()))
        }),
        FileColumn::new("价格(元)", 12, |row| Cell::Cents(row.price_cents)),
        FileColumn::new("可售", 10, |row| Cell::Integer(row.stock)),
        FileColumn::new("每人限购", 10, |row| {
            Cell::or_nothing(row.limit_per_member, |most| Cell::Integer(most.get()))
        }),
        FileColumn::new("在售", 8, |row| Cell::text(if row.on_sale { "是" } else { "否" })),
        FileColumn::new("创建时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("更新时间", 20, |row| Cell::Moment(row.updated_at)),
    ];
}

/// A picture.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PictureAnswer {
    name: String,
    /// From the root of the server. What it answers never changes.
    url: String,
    width: u32,
    height: u32,
}

impl PictureAnswer {
    pub(crate) fn of(picture: &Picture) -> Self {
        let name = PictureName::of(picture).to_string();
        let url = format!("/api/v1/pictures/{name}");
        Self { name, url, width: picture.width, height: picture.height }
    }
}

impl ProductAnswer {
    pub(crate) fn new(product: Product, stock: i64) -> Self {
        Self {
            product_id: product.id,
            name_zh: product.name_zh,
            name_en: product.name_en,
            description: product.description,
            price_cents: product.price,
            limit_per_member: product.member_limit,
            on_sale: product.on_sale,
            stock,
            pictures: product.pictures.iter().map(PictureAnswer::of).collect(),
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

impl From<Offered<Product>> for ProductAnswer {
    fn from(found: Offered<Product>) -> Self {
        let left = found.left();
        Self::new(found.what, left)
    }
}

/// A round.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RoundAnswer {
    round_id: RoundId,
    product_id: ProductId,
    /// 1 for the product's first round.
    number: i64,
    status: RoundStatus,
    total_shares: i64,
    /// How many shares are paid for.
    sold_shares: i64,
    /// How many can be bought now.
    available_shares: i64,
    share_price_cents: Cents,
    /// How many shares one member may have in orders that stand.
    limit_per_member: Option<Quantity>,
    opens_at: Instant,
    closes_at: Instant,
    /// The SHA-256 of the secret that the draw reveals.
    commitment: String,
    winning_number: Option<i64>,
    winner_user_id: Option<MemberId>,
    drawn_at: Option<Instant>,
    created_at: Instant,
}

impl RoundAnswer {
    pub(crate) const COLUMNS: &'static [FileColumn<Self>] = &[
        FileColumn::new("期次ID", 18, |row| Cell::Integer(row.round_id.get())),
        FileColumn::new("商品ID", 18, |row| Cell::Integer(row.product_id.get())),
        FileColumn::new("第几期", 8, |row| Cell::Integer(row.number)),
        FileColumn::new("状态", 10, |row| Cell::text(texts::round_status(row.status, Language::Chinese))),
        FileColumn::new("总份数", 10, |row| Cell::Integer(row.total_shares)),
        FileColumn::new("已售份数", 10, |row| Cell::Integer(row.sold_shares)),
        FileColumn::new("每份价格(元)", 12, |row| Cell::Cents(row.share_price_cents)),
        FileColumn::new("开始时间", 20, |row| Cell::Moment(row.opens_at)),
        FileColumn::new("截止时间", 20, |row| Cell::Moment(row.closes_at)),
        FileColumn::new("中奖号码", 10, |row| Cell::or_nothing(row.winning_number, Cell::Integer)),
        FileColumn::new("中奖用户ID", 18, |row| Cell::or_nothing(row.winner_user_id, |id| Cell::Integer(id.get()))),
        FileColumn::new("开奖时间", 20, |row| Cell::or_nothing(row.drawn_at, Cell::Moment)),
        FileColumn::new("创建时间", 20, |row| Cell::Moment(row.created_at)),
    ];

    pub(crate) fn new(round: Round, total: i64, left: i64) -> Self {
        let (status, sold) = (round.status(), round.numbered());
        let (drawn_at, winning_number, winner_user_id) = match round.state {
            RoundState::Drawn { drawn_at, winning_number, member, .. } => {
                (Some(drawn_at), Some(winning_number), Some(member))
            }
            _ => (None, None, None),
        };
        Self {
            round_id: round.id,
            product_id: round.product,
            number: round.number,
            status,
            total_shares: total,
            sold_shares: if status == RoundStatus::Failed { 0 } else { sold },
            available_shares: if status == RoundStatus::Open { left } else { 0 },
            share_price_cents: round.share_price,
            limit_per_member: round.member_limit,
            opens_at: round.opens_at,
            closes_at: round.closes_at,
            commitment: round.commitment,
            winning_number,
            winner_user_id,
            drawn_at,
            created_at: round.created_at,
        }
    }
}

impl RoundAnswer {
    pub(crate) fn of(outcome: RoundOutcome) -> Self {
        let (total, left) = (outcome.pool.capacity, outcome.pool.available());
        Self::new(outcome.round, total, left)
    }
}

impl From<Offered<Round>> for RoundAnswer {
    fn from(found: Offered<Round>) -> Self {
        let (total, left) = (found.pool.capacity, found.left());
        Self::new(found.what, total, left)
    }
}

/// A shop order.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ShopOrderAnswer {
    order_id: OrderId,
    order_no: String,
    user_id: MemberId,
    status: ShopStatus,
    /// `pending`, `paid`, `cancelled` or `refunded`.
    payment_status: &'static str,
    /// `pending`, `preparing`, `ready`, `shipped`, `completed`, `cancelled`, or `not_needed` for shares alone.
    fulfillment_status: &'static str,
    product_id: Option<ProductId>,
    round_id: Option<RoundId>,
    /// Whether it is what the winner of the round gets.
    is_prize: bool,
    quantity: Quantity,
    /// From payment on.
    share_numbers: Vec<i64>,
    total_price_cents: Cents,
    pay_with: PayWith,
    /// Absent for what is picked up. Of somebody else's only the beginnings of words and the ends of a phone number.
    address: Option<String>,
    notes: Notes,
    /// Until when it can be paid.
    expires_at: Option<Instant>,
    paid_at: Option<Instant>,
    created_at: Instant,
    updated_at: Instant,
    /// What the buyer has now, where money moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_cents: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<Warning>,
    /// Where it was paid and goes back now.
    #[serde(skip_serializing_if = "Option::is_none")]
    given_back: Option<GivenBackAnswer>,
    /// What has just been begun at WeChat.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PayableTopup>,
    /// All payments at WeChat, the oldest first, where one order is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    payments: Option<Vec<TopupAnswer>>,
}

impl ShopOrderAnswer {
    pub(crate) const COLUMNS: &'static [FileColumn<Self>] = &[
        FileColumn::new("订单号", 32, |row| Cell::text(&row.order_no)),
        FileColumn::new("用户ID", 18, |row| Cell::Integer(row.user_id.get())),
        FileColumn::new("商品ID", 18, |row| Cell::or_nothing(row.product_id, |id| Cell::Integer(id.get()))),
        FileColumn::new("期次ID", 18, |row| Cell::or_nothing(row.round_id, |id| Cell::Integer(id.get()))),
        FileColumn::new("数量", 8, |row| Cell::Integer(row.quantity.get())),
        FileColumn::new("总价(元)", 12, |row| Cell::Cents(row.total_price_cents)),
        FileColumn::new("支付方式", 12, |row| Cell::text(texts::pay_with(row.pay_with, Language::Chinese))),
        FileColumn::new("状态", 10, |row| Cell::text(texts::shop_status(row.status, Language::Chinese))),
        FileColumn::new("份额号码", 24, |row| {
            let numbers: Vec<_> = row.share_numbers.iter().map(i64::to_string).collect();
            Cell::text(numbers.join("、"))
        }),
        FileColumn::new("收货地址", 30, |row| Cell::or_nothing(row.address.as_deref(), Cell::text)),
        FileColumn::new("备注", 30, |row| Cell::text(row.notes.as_str())),
        FileColumn::new("下单时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("支付时间", 20, |row| Cell::or_nothing(row.paid_at, Cell::Moment)),
        FileColumn::new("更新时间", 20, |row| Cell::Moment(row.updated_at)),
    ];

    pub(crate) fn list(vault: &Vault, reader: MemberId, orders: Vec<ShopOrder>) -> Result<Vec<Self>, service::Failure> {
        orders.into_iter().map(|order| Self::new(vault, reader, order)).collect()
    }

    pub(crate) fn new(vault: &Vault, reader: MemberId, order: ShopOrder) -> Result<Self, service::Failure> {
        Ok(Self {
            order_id: order.id,
            user_id: order.member,
            status: order.status(),
            payment_status: order.payment_status(),
            fulfillment_status: order.fulfilment_status(),
            product_id: order.goods.pieces(),
            round_id: order.goods.round(),
            is_prize: matches!(order.goods, Goods::Prize { .. }),
            quantity: order.quantity,
            total_price_cents: order.total,
            pay_with: order.pay_with,
            expires_at: order.expires_at(),
            paid_at: match order.state {
                ShopOrderState::Paid { paid_at, .. } | ShopOrderState::Refunded { paid_at, .. } => Some(paid_at),
                _ => None,
            },
            created_at: order.created_at,
            updated_at: order.updated_at,
            order_no: order.order_no,
            share_numbers: order.share_numbers,
            address: match order.delivery {
                Delivery::PickUp => None,
                Delivery::To(address) if order.member == reader => Some(vault.address(reader, &address)?.into()),
                Delivery::To(address) => Some(vault.address_masked(order.member, &address)?),
            },
            notes: order.notes,
            balance_cents: None,
            warning: None,
            given_back: None,
            payment: None,
            payments: None,
        })
    }
}

/// What of an order goes back, and where to.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct GivenBackAnswer {
    refunded_cents: Cents,
    /// To the balance, or to WeChat.
    to: PayWith,
    /// How many pieces come back into the stock.
    pieces: i64,
    /// How many shares can be bought again.
    shares: i64,
}

impl From<GivenBack> for GivenBackAnswer {
    fn from(GivenBack { amount, to, pieces, shares }: GivenBack) -> Self {
        Self { refunded_cents: amount, to, pieces, shares }
    }
}

/// Where money for an order goes back to.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundTo {
    Balance,
    /// WeChat, from where it came.
    Origin,
}

pub(crate) fn refund_to(to: Option<RefundTo>) -> service::RefundTo {
    match to {
        Some(RefundTo::Balance) => service::RefundTo::Balance,
        Some(RefundTo::Origin) => service::RefundTo::Origin,
        None => service::RefundTo::Whence,
    }
}

/// Where a list begins that goes on to ever smaller ids.
pub(crate) fn before(cursor: Option<Cursor>) -> i64 {
    cursor.map_or(i64::MAX, Cursor::get)
}

pub(crate) async fn ask(
    app: &App,
    caller: Caller,
    dry_run: bool,
    command: ShopCommand,
) -> Result<ShopOrderAnswer, Failure> {
    let reader = caller.identity.member;
    match app.service().run(caller.tries(dry_run, Command::Shop(command))).await? {
        Outcome::ShopOrder(outcome) => {
            let (balance_cents, warning) = (outcome.balance, outcome.warning);
            let given_back = outcome.given_back.map(GivenBackAnswer::from);
            let answer = ShopOrderAnswer::new(app.service().vault(), reader, outcome.order)?;
            Ok(ShopOrderAnswer { balance_cents, warning, given_back, ..answer })
        }
        _ => Err(Failure::fault("a shop order's command answered something else")),
    }
}

/// What an order is for never changes, so it may be looked up before the command that locks it.
pub(crate) async fn order_of(app: &App, order_no: &str) -> Result<(OrderId, Goods), Failure> {
    let missing = Refusal::NotFound { noun: Noun::Order };
    let id = numbered_order("SHOP", order_no).ok_or_else(|| missing.clone())?;
    let found = queries::goods(app.store(), id).await?.filter(|(_, number)| number == order_no);
    let (goods, _) = found.ok_or(missing)?;
    Ok((id, goods))
}

pub(crate) async fn find(app: &App, order_no: &str) -> Result<ShopOrder, Failure> {
    let order = match numbered_order("SHOP", order_no) {
        Some(id) => queries::one(app.store(), id).await?.filter(|order| order.order_no == order_no),
        None => None,
    };
    order.ok_or(Refusal::NotFound { noun: Noun::Order }.into())
}

pub(crate) async fn own_order(app: &App, caller: &Caller, order_no: &str) -> Result<ShopOrder, Failure> {
    let order = find(app, order_no).await?;
    if order.member == caller.identity.member { Ok(order) } else { Err(Refusal::NotYours.into()) }
}

async fn with_payments(app: &App, reader: MemberId, order: ShopOrder) -> Result<ShopOrderAnswer, Failure> {
    let payments = topups::of_order(app.store(), order.id).await?.into_iter().map(TopupAnswer::from).collect();
    Ok(ShopOrderAnswer { payments: Some(payments), ..ShopOrderAnswer::new(app.service().vault(), reader, order)? })
}

pub(crate) async fn round_of(app: &App, round: RoundId) -> Result<Offered<Round>, Failure> {
    let found = queries::round(app.store(), round, app.service().now()).await?;
    found.ok_or(Refusal::NotFound { noun: Noun::Round }.into())
}
