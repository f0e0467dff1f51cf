use std::collections::BTreeMap;

use super::{Delivery, DrawSecret, Fulfilment, Goods, PayWith, Picture};
use crate::{Cents, Instant, MemberId, Note, OrderId, PayClient, Price, ProductId, Quantity, Reason, RoundId, Title};

/// What can be asked of the shop. Whatever is about an order or a round names the goods, which its sender has looked up: they never
/// change, and so the pools to lock are known before the first read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShopCommand {
    CreateProduct(CreateProduct),
    ImportProducts(ImportProducts),
    EditProduct(EditProduct),
    MoveStock(MoveStock),
    CreateRound(CreateRound),
    DrawRound(DrawRound),
    CloseRound(CloseRound),
    CancelRound(CancelRound),
    Place(PlaceShopOrder),
    Pay(PayShopOrder),
    BeginPayment(BeginShopPayment),
    Cancel(CancelShopOrder),
    Step(StepShopOrder),
    Refund(RefundShopOrder),
    Expire(ExpireShopOrders),
    NoteStuck(NoteStuckOrder),
    ResolveStuck(ResolveStuckOrder),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateProduct {
    pub name_zh: Title,
    pub name_en: Option<Title>,
    pub description: Note,
    pub price: Price,
    pub member_limit: Option<Quantity>,
    pub on_sale: bool,
    /// What is there from the beginning; zero for nothing yet.
    pub stock: i64,
}

/// Products out of a file: new ones, and changes of those that are there. All rows or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportProducts {
    pub lines: Vec<ProductLine>,
    /// The token of the plan that somebody has seen. Without one, whatever the file comes to now.
    pub agreed: Option<String>,
}

/// Absent fields stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductLine {
    /// As its sender counts.
    pub number: i64,
    /// Which it is; absent where the Chinese name says it, or where it is a new one.
    pub product: Option<ProductId>,
    pub name_zh: Option<Title>,
    pub name_en: Option<Title>,
    pub description: Option<Note>,
    pub price: Option<Price>,
    pub member_limit: Option<Quantity>,
    pub on_sale: Option<bool>,
    /// What is there of a new one. What is there of others changes by stock movements.
    pub stock: Option<i64>,
}

/// Absent fields stay as they are. Orders keep the price at which they were placed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductPatch {
    pub name_zh: Option<Title>,
    pub name_en: Option<Option<Title>>,
    pub description: Option<Note>,
    pub price: Option<Price>,
    pub member_limit: Option<Option<Quantity>>,
    pub on_sale: Option<bool>,
    pub pictures: Option<Vec<Picture>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditProduct {
    pub product: ProductId,
    pub patch: ProductPatch,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveStock {
    pub product: ProductId,
    pub delta: i64,
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRound {
    pub product: ProductId,
    pub shares: i64,
    pub share_price: Price,
    pub member_limit: Option<Quantity>,
    pub opens_at: Instant,
    pub closes_at: Instant,
    pub secret: DrawSecret,
}

/// Draws the winner of a round that is sold out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawRound {
    pub round: RoundId,
    pub product: ProductId,
}

/// Gives everybody their money back after the closing time of a round that was not sold out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseRound {
    pub round: RoundId,
    pub product: ProductId,
}

/// The same before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelRound {
    pub round: RoundId,
    pub product: ProductId,
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceShopOrder {
    pub member: MemberId,
    pub goods: Goods,
    pub quantity: Quantity,
    pub pay_with: PayWith,
    pub delivery: Delivery,
    pub notes: Note,
}

/// From the balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayShopOrder {
    pub order: OrderId,
    pub goods: Goods,
}

/// Makes an order payable at WeChat until its deadline: a top-up of what it costs, that pays for it as it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginShopPayment {
    pub order: OrderId,
    pub goods: Goods,
    /// What WeChat knows the payment by.
    pub order_no: String,
    pub client: PayClient,
    /// When WeChat is asked about it for the first time, if nothing is heard of it before.
    pub first_check_at: Instant,
}

/// The order that money from WeChat is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaysFor {
    pub order: OrderId,
    pub goods: Goods,
    /// What WeChat would know the refund by, where the order cannot be had any more.
    pub refund_no: String,
}

/// Where goes what was paid for an order that comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackTo {
    Balance,
    /// Whence it came, by a refund of the top-up that paid for the order.
    Origin {
        topup: OrderId,
        refund_no: String,
    },
}

/// By its owner: an unpaid order any time, a paid one until it is being prepared. Shares that are paid for are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelShopOrder {
    pub order: OrderId,
    pub goods: Goods,
    pub back_to: BackTo,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepShopOrder {
    pub order: OrderId,
    pub goods: Goods,
    pub to: Fulfilment,
}

/// By staff. Pieces come back into the stock unless they have left the house, shares as long as their round is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundShopOrder {
    pub order: OrderId,
    pub goods: Goods,
    pub back_to: BackTo,
    pub reason: Reason,
}

/// Ends the orders that are past their deadline; the others among them are left as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireShopOrders {
    pub orders: BTreeMap<OrderId, Goods>,
}

/// An order that `Expire` could not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteStuckOrder {
    pub order: OrderId,
    pub error: String,
}

/// Ends an expired order that `Expire` cannot end, with what is left of its claims. What the books then lack, the checks find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveStuckOrder {
    pub order: OrderId,
    pub goods: Goods,
    pub reason: Reason,
}

/// What a shop order costs in all.
pub(crate) fn total(piece: Cents, share: Cents, quantity: Quantity) -> Result<Cents, crate::OutOfRange> {
    piece.plus(share)?.times(quantity)
}

impl ShopCommand {
    pub(crate) fn lane_key(&self) -> i64 {
        match self {
            Self::CreateProduct(_) | Self::ImportProducts(_) => 0,
            Self::EditProduct(EditProduct { product, .. })
            | Self::MoveStock(MoveStock { product, .. })
            | Self::CreateRound(CreateRound { product, .. }) => product.get(),
            Self::DrawRound(DrawRound { round, .. })
            | Self::CloseRound(CloseRound { round, .. })
            | Self::CancelRound(CancelRound { round, .. }) => round.get(),
            Self::Place(PlaceShopOrder { goods, .. })
            | Self::Pay(PayShopOrder { goods, .. })
            | Self::BeginPayment(BeginShopPayment { goods, .. })
            | Self::Cancel(CancelShopOrder { goods, .. })
            | Self::Step(StepShopOrder { goods, .. })
            | Self::Refund(RefundShopOrder { goods, .. })
            | Self::ResolveStuck(ResolveStuckOrder { goods, .. }) => goods.lane_key(),
            // Of many products, most often.
            Self::Expire(ExpireShopOrders { orders }) => orders.values().next().map_or(0, |goods| goods.lane_key()),
            Self::NoteStuck(NoteStuckOrder { order, .. }) => order.get(),
        }
    }

    /// Whether it reads all orders of a round, changes many products, or changes what other commands have to read: where a product
    /// gets a limit, its buyers' orders count.
    pub(crate) fn is_wide(&self) -> bool {
        match self {
            Self::ImportProducts(_) | Self::DrawRound(_) | Self::CloseRound(_) | Self::CancelRound(_) => true,
            Self::EditProduct(command) => command.patch.member_limit.is_some(),
            _ => false,
        }
    }
}
