//! What the shop sells: products with a stock, their rounds of shares, and the orders of both.

mod command;
mod facts;
mod order;
mod product;
mod round;

pub(crate) use command::total;
pub use command::{
    BackTo, BeginShopPayment, CancelRound, CancelShopOrder, CloseRound, CreateProduct, CreateRound, DrawRound,
    EditProduct, ExpireShopOrders, ImportProducts, MoveStock, NoteStuckOrder, PayShopOrder, PaysFor, PlaceShopOrder,
    ProductLine, ProductPatch, RefundShopOrder, ResolveStuckOrder, ShopCommand, StepShopOrder,
};
pub use facts::{Claim, Claims, ShopFacts, ShopNeeds};
pub use order::{Delivery, Fulfilment, Goods, PayWith, ShopOrder, ShopOrderState, ShopStatus, StuckOrder, expiry_line};
pub use product::{Picture, PictureKind, Product, StockMovement};
pub use round::{DrawSecret, Round, RoundState, RoundStatus, ShareOwner, draw};
