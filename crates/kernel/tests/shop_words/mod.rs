//! What the tables say of the shop. `tables.rs` lists the words.

use std::collections::BTreeMap;

use kernel::{
    BackTo, BeginShopPayment, CancelRound, CancelShopOrder, Cents, CloseRound, CreateProduct, CreateRound, Delivery,
    DrawRound, DrawSecret, EditProduct, ExpireShopOrders, Fulfilment, Goods, MemberId, MoveStock, NoteStuckOrder,
    OrderId, Outcome, PayClient, PayShopOrder, PayWith, PaysFor, Picture, PictureKind, PlaceShopOrder, Pool, PoolId,
    ProductId, ProductLine, ProductPatch, Quantity, Reason, RefundShopOrder, Refusal, ResolveStuckOrder, Round,
    RoundId, RoundState, Sealed, ShopCommand, ShopOrder, StepShopOrder, StuckOrder, Topup,
};

use crate::{Named, Scenario, Words, Wrong, note, quantity, title};

const MINUTE_MS: i64 = 60_000;

/// What a scenario calls its products, rounds and shop orders.
#[derive(Default)]
pub(crate) struct Shop {
    products: BTreeMap<String, ProductId>,
    rounds: BTreeMap<String, RoundId>,
    orders: BTreeMap<String, (OrderId, Goods)>,
}

impl Shop {
    pub(crate) fn bind(&mut self, name: Named, outcome: &Outcome) {
        match (name, outcome) {
            (Named::Product(name), Outcome::Product(made)) => drop(self.products.insert(name, made.product.id)),
            (Named::Round(name), Outcome::Round(made)) => drop(self.rounds.insert(name, made.round.id)),
            (Named::ShopOrder(name), Outcome::ShopOrder(placed)) => {
                self.orders.insert(name, (placed.order.id, placed.order.goods));
            }
            _ => {}
        }
    }

    /// Whose takings a name stands for.
    pub(crate) fn owner(&self, name: &str) -> Option<kernel::Owner> {
        let product = self.products.get(name).copied().map(kernel::Owner::Product);
        product.or_else(|| self.rounds.get(name).copied().map(kernel::Owner::Round))
    }

    fn product(&self, name: &str) -> ProductId {
        self.products.get(name).copied().unwrap_or(ProductId::new(404))
    }

    fn round(&self, name: &str) -> RoundId {
        self.rounds.get(name).copied().unwrap_or(RoundId::new(404))
    }

    /// `PRODUCT`, `ROUND` or `PRODUCT and ROUND`.
    fn goods(&self, words: &mut Words) -> Result<Goods, Wrong> {
        let first = words.next()?.to_owned();
        if let Some(&round) = self.rounds.get(&first) {
            return Ok(Goods::Shares { round });
        }
        let product = self.product(&first);
        if words.skip("and") {
            let round = self.round(words.next()?);
            return Ok(Goods::PiecesAndShares { product, round });
        }
        Ok(Goods::Pieces { product })
    }

    fn order(&self, words: &mut Words) -> Result<(OrderId, Goods), Wrong> {
        let nothing = (OrderId::new(404), Goods::Pieces { product: ProductId::new(404) });
        let (order, goods) = self.orders.get(words.next()?).copied().unwrap_or(nothing);
        Ok((order, if words.skip("at") { self.goods(words)? } else { goods }))
    }
}

fn limit(words: &mut Words) -> Result<Option<Quantity>, Wrong> {
    if words.skip("none") {
        return Ok(None);
    }
    Quantity::try_from(words.parse::<i64>()?).map(Some).map_err(|_| "  no limit is like that".to_owned())
}

fn reason(words: &mut Words) -> Result<Reason, Wrong> {
    let text = if words.skip("because") { words.next()?.to_owned() } else { "a reason".to_owned() };
    Reason::try_from(text).map_err(|error| format!("  {error}"))
}

impl Scenario {
    /// What the house does in the shop; nothing where `first` is no such word.
    pub(crate) fn shop_by_house(&self, first: &str, words: &mut Words) -> Result<Option<(ShopCommand, Named)>, Wrong> {
        let command = match first {
            "product" => return self.create_product(words).map(Some),
            "round" => return self.create_round(words).map(Some),
            "shelve" => {
                let product = self.shop.product(words.next()?);
                ShopCommand::EditProduct(EditProduct { product, patch: patch(words)? })
            }
            "stock" => {
                let product = self.shop.product(words.next()?);
                ShopCommand::MoveStock(MoveStock { product, delta: words.parse()?, reason: reason(words)? })
            }
            "draw" | "close" => {
                let (round, product) = self.round_of(words)?;
                if first == "draw" {
                    ShopCommand::DrawRound(DrawRound { round, product })
                } else {
                    ShopCommand::CloseRound(CloseRound { round, product })
                }
            }
            "call" if words.skip("off") => {
                let (round, product) = self.round_of(words)?;
                ShopCommand::CancelRound(CancelRound { round, product, reason: reason(words)? })
            }
            "expire" => {
                let mut orders = BTreeMap::from([self.shop.order(words)?]);
                while words.skip(",") {
                    orders.extend([self.shop.order(words)?]);
                }
                ShopCommand::Expire(ExpireShopOrders { orders })
            }
            "stick" => {
                let (order, _) = self.shop.order(words)?;
                ShopCommand::NoteStuck(NoteStuckOrder { order, error: "a row is damaged".to_owned() })
            }
            _ => return Ok(None),
        };
        Ok(Some((command, Named::Nothing)))
    }

    pub(crate) fn product_line(&self, number: i64, words: &mut Words) -> Result<ProductLine, Wrong> {
        let (name_zh, name_en, description, price) = (None, None, None, None);
        let (member_limit, on_sale, stock) = (None, None, None);
        let mut line =
            ProductLine { number, product: None, name_zh, name_en, description, price, member_limit, on_sale, stock };
        loop {
            if words.skip("which") {
                words.expect("is")?;
                line.product = Some(self.shop.product(words.next()?));
            } else if words.skip("name") {
                line.name_zh = Some(words.title()?);
            } else if words.skip("price") {
                line.price = Some(words.cents()?.try_into().map_err(|_| "  no price is that large")?);
            } else if words.skip("limit") {
                line.member_limit = limit(words)?;
            } else if words.skip("on") {
                line.on_sale = Some(true);
            } else if words.skip("off") {
                line.on_sale = Some(false);
            } else if words.skip("stock") {
                line.stock = Some(words.parse()?);
            } else {
                return Ok(line);
            }
        }
    }

    /// What one person does in the shop; nothing where `verb` is no such word.
    pub(crate) fn shop_by(
        &self,
        by: Option<MemberId>,
        verb: &str,
        words: &mut Words,
    ) -> Result<Option<(ShopCommand, Named)>, Wrong> {
        let command = match verb {
            "buys" => return self.buy(by, words).map(Some),
            "pays" if words.skip("for") => {
                let (order, goods) = self.shop.order(words)?;
                ShopCommand::Pay(PayShopOrder { order, goods })
            }
            "begins" => {
                let order_no = words.next()?.to_owned();
                words.expect("for")?;
                let (order, goods) = self.shop.order(words)?;
                let first_check_at = self.house.now.plus_millis(5 * MINUTE_MS);
                let client = PayClient::Native;
                ShopCommand::BeginPayment(BeginShopPayment { order, goods, order_no, client, first_check_at })
            }
            "drops" => {
                let (order, goods) = self.shop.order(words)?;
                ShopCommand::Cancel(CancelShopOrder { order, goods, back_to: self.back_to(words)? })
            }
            "returns" => {
                let (order, goods) = self.shop.order(words)?;
                let back_to = self.back_to(words)?;
                ShopCommand::Refund(RefundShopOrder { order, goods, back_to, reason: reason(words)? })
            }
            "brings" => {
                let (order, goods) = self.shop.order(words)?;
                words.expect("to")?;
                let to = words.next()?.to_owned();
                let to = Fulfilment::ALL.into_iter().find(|one| one.as_str() == to).ok_or("  no such step")?;
                ShopCommand::Step(StepShopOrder { order, goods, to })
            }
            "frees" => {
                let (order, goods) = self.shop.order(words)?;
                ShopCommand::ResolveStuck(ResolveStuckOrder { order, goods, reason: reason(words)? })
            }
            _ => return Ok(None),
        };
        Ok(Some((command, Named::Nothing)))
    }

    /// `NAME price X stock N [limit N] [off]`.
    fn create_product(&self, words: &mut Words) -> Result<(ShopCommand, Named), Wrong> {
        let name = words.next()?.to_owned();
        words.expect("price")?;
        let price = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
        words.expect("stock")?;
        let stock = words.parse()?;
        let member_limit = if words.skip("limit") { limit(words)? } else { None };
        let command = CreateProduct {
            name_zh: title(&name),
            name_en: None,
            description: note(""),
            price,
            member_limit,
            on_sale: !words.skip("off"),
            stock,
        };
        Ok((ShopCommand::CreateProduct(command), Named::Product(name)))
    }

    /// `NAME of PRODUCT shares N price X [limit N] [opens INSTANT] closes INSTANT`.
    fn create_round(&self, words: &mut Words) -> Result<(ShopCommand, Named), Wrong> {
        let name = words.next()?.to_owned();
        words.expect("of")?;
        let product = self.shop.product(words.next()?);
        words.expect("shares")?;
        let shares = words.parse()?;
        words.expect("price")?;
        let share_price = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
        let member_limit = if words.skip("limit") { limit(words)? } else { None };
        let opens_at = if words.skip("opens") { words.parse()? } else { self.house.now };
        words.expect("closes")?;
        let closes_at = words.parse()?;
        let secret = DrawSecret([7; 32]);
        let command = CreateRound { product, shares, share_price, member_limit, opens_at, closes_at, secret };
        Ok((ShopCommand::CreateRound(command), Named::Round(name)))
    }

    /// `GOODS [xN] as ORDER [later] [to ADDRESS] [for MEMBER]`, after `buys`. `later` is at WeChat, within the deadline.
    fn buy(&self, by: Option<MemberId>, words: &mut Words) -> Result<(ShopCommand, Named), Wrong> {
        let goods = self.shop.goods(words)?;
        let quantity = quantity(words)?.unwrap_or(Quantity::ONE);
        words.expect("as")?;
        let name = words.next()?.to_owned();
        let pay_with = if words.skip("later") { PayWith::Wechat } else { PayWith::Balance };
        let delivery = if words.skip("to") {
            Delivery::To(Sealed::new(words.next()?.as_bytes().to_vec()))
        } else {
            Delivery::PickUp
        };
        let member = if words.skip("for") { Some(self.member(words.next()?)?) } else { by };
        let member = member.ok_or("  the house buys for somebody")?;
        let command = PlaceShopOrder { member, goods, quantity, pay_with, delivery, notes: note("") };
        Ok((ShopCommand::Place(command), Named::ShopOrder(name)))
    }

    /// `[to PAYMENT as REFUND]`: where the money goes back to.
    fn back_to(&self, words: &mut Words) -> Result<BackTo, Wrong> {
        if !words.skip("to") {
            return Ok(BackTo::Balance);
        }
        let topup = self.topup_id(words.next()?);
        words.expect("as")?;
        Ok(BackTo::Origin { topup, refund_no: words.next()?.to_owned() })
    }

    fn round_of(&self, words: &mut Words) -> Result<(RoundId, ProductId), Wrong> {
        let round = self.shop.round(words.next()?);
        let product = self.database.rounds.get(&round).map_or(ProductId::new(404), |(round, _)| round.product);
        Ok((round, if words.skip("at") { self.shop.product(words.next()?) } else { product }))
    }

    /// The shop order that a top-up pays for as its money comes in.
    pub(crate) fn pays_for(&self, topup: &Topup, transaction: &str) -> Option<PaysFor> {
        let (order, _) = self.database.shop_orders.get(&topup.pays_for?)?;
        Some(PaysFor { order: order.id, goods: order.goods, refund_no: format!("back-{transaction}") })
    }

    /// What the rows say of `shop ORDER`, `stock PRODUCT` or `round ROUND`; nothing where the subject is none of these.
    pub(crate) fn shop_parts(
        &self,
        subject: &str,
        words: &mut Words,
        put: &mut impl FnMut(&str, String),
    ) -> Result<bool, Wrong> {
        match subject {
            "shop" => {
                let (order, goods) = self.shop.order(words)?;
                let (order, _) = self.database.shop_orders.get(&order).ok_or("  no such order")?;
                order_parts(order, put);
                let held = goods.pools().map(|pool| self.database.holds[&(order.id, pool)].0.state.as_str());
                put("holds", held.collect::<Vec<_>>().join("+"));
            }
            "stock" => {
                let product = self.shop.product(words.next()?);
                self.pool_parts(product.into(), put)?;
                let moved = self.database.stock_movements.iter().filter(|one| one.product == product);
                put("movements", moved.count().to_string());
            }
            "round" => {
                let round = self.shop.round(words.next()?);
                let (row, _) = self.database.rounds.get(&round).ok_or("  no such round")?;
                round_parts(row, put);
                self.pool_parts(round.into(), put)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn pool_parts(&self, pool: PoolId, put: &mut impl FnMut(&str, String)) -> Result<(), Wrong> {
        let (pool, _) = self.database.pools.get(&pool).ok_or("  no such pool")?;
        parts_of_pool(pool, put);
        Ok(())
    }
}

fn patch(words: &mut Words) -> Result<ProductPatch, Wrong> {
    let mut patch = ProductPatch::default();
    loop {
        if words.skip("price") {
            patch.price = Some(words.cents()?.try_into().map_err(|_| "  no price is that large")?);
        } else if words.skip("limit") {
            patch.member_limit = Some(limit(words)?);
        } else if words.skip("on") {
            patch.on_sale = Some(true);
        } else if words.skip("off") {
            patch.on_sale = Some(false);
        } else if words.skip("pictures") {
            let picture =
                |number| Picture { hash: format!("{number:064}"), kind: PictureKind::Png, width: 1, height: 1 };
            patch.pictures = Some((0..words.parse::<i64>()?).map(picture).collect());
        } else {
            return Ok(patch);
        }
    }
}

fn parts_of_pool(pool: &Pool, put: &mut impl FnMut(&str, String)) {
    put("capacity", pool.capacity.to_string());
    put("left", pool.available().to_string());
}

fn round_parts(round: &Round, put: &mut impl FnMut(&str, String)) {
    put("status", round.status().as_str().to_owned());
    put("number", round.number.to_string());
    put("numbered", round.numbered().to_string());
    let won = match round.state {
        RoundState::Drawn { winning_number, .. } => winning_number.to_string(),
        _ => "none".to_owned(),
    };
    put("won", won);
}

fn order_parts(order: &ShopOrder, put: &mut impl FnMut(&str, String)) {
    put("status", order.status().as_str().to_owned());
    put("payment", order.payment_status().to_owned());
    put("fulfilment", order.fulfilment_status().to_owned());
    put("quantity", order.quantity.get().to_string());
    put("total", order.total.to_string());
    let numbers: Vec<_> = order.share_numbers.iter().map(i64::to_string).collect();
    put("shares", if numbers.is_empty() { "none".to_owned() } else { numbers.join("+") });
    put("until", order.expires_at().map_or_else(|| "never".to_owned(), |at| at.to_string()));
    put("notes", order.notes.as_str().to_owned());
}

fn stuck_parts(stuck: &StuckOrder, put: &mut impl FnMut(&str, String)) {
    put("attempts", stuck.attempts.to_string());
    put("retry", stuck.retry_at.map_or_else(|| "parked".to_owned(), |at| at.to_string()));
}

/// The answers that only the shop gives.
pub(crate) fn outcome_parts(outcome: &Outcome, put: &mut impl FnMut(&str, String)) {
    match outcome {
        Outcome::Product(outcome) => {
            put("price", outcome.product.price.to_string());
            put("sale", if outcome.product.on_sale { "on" } else { "off" }.to_owned());
            put("pictures", outcome.product.pictures.len().to_string());
            parts_of_pool(&outcome.pool, put);
        }
        Outcome::Round(outcome) => {
            round_parts(&outcome.round, put);
            parts_of_pool(&outcome.pool, put);
            put("orders", outcome.orders_refunded.to_string());
            put("refunded", outcome.refunded.to_string());
        }
        Outcome::ShopOrder(outcome) => {
            order_parts(&outcome.order, put);
            put("balance", outcome.balance.map_or_else(|| "none".to_owned(), |balance: Cents| balance.to_string()));
            put("warning", outcome.warning.map_or("none", |_| "negative_balance").to_owned());
            let to = |to| if to == PayWith::Wechat { "wechat" } else { "balance" };
            let given_back = outcome.given_back.map_or_else(
                || "none".to_owned(),
                |back| format!("{}/{}/{}/{}", back.amount, to(back.to), back.pieces, back.shares),
            );
            put("back", given_back);
        }
        Outcome::Expired { released } => put("released", released.len().to_string()),
        Outcome::Stuck { stuck } => stuck_parts(stuck, put),
        other => unreachable!("no table speaks of {other:?}"),
    }
}

/// A new command does not compile here until a table covers it.
pub(crate) fn command_name(command: &ShopCommand) -> &'static str {
    match command {
        ShopCommand::CreateProduct(_) => "create_product",
        ShopCommand::ImportProducts(_) => "import_products",
        ShopCommand::EditProduct(_) => "edit_product",
        ShopCommand::MoveStock(_) => "move_stock",
        ShopCommand::CreateRound(_) => "create_round",
        ShopCommand::DrawRound(_) => "draw_round",
        ShopCommand::CloseRound(_) => "close_round",
        ShopCommand::CancelRound(_) => "cancel_round",
        ShopCommand::Place(_) => "place_shop_order",
        ShopCommand::Pay(_) => "pay_shop_order",
        ShopCommand::BeginPayment(_) => "begin_shop_payment",
        ShopCommand::Cancel(_) => "cancel_shop_order",
        ShopCommand::Step(_) => "step_shop_order",
        ShopCommand::Refund(_) => "refund_shop_order",
        ShopCommand::Expire(_) => "expire_shop_orders",
        ShopCommand::NoteStuck(_) => "note_stuck_order",
        ShopCommand::ResolveStuck(_) => "resolve_stuck_order",
    }
}

/// Refusals that only the shop gives.
pub(crate) fn refusal_name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::StockOutOfRange { .. } => "stock_out_of_range",
        Refusal::SharesOutOfRange { .. } => "shares_out_of_range",
        Refusal::TooManyPictures { .. } => "too_many_pictures",
        Refusal::RoundTimes => "round_times",
        Refusal::NotOnSale => "not_on_sale",
        Refusal::RoundNotOpen { .. } => "round_not_open",
        Refusal::RoundNotBegun { .. } => "round_not_begun",
        Refusal::RoundOver { .. } => "round_over",
        Refusal::RoundStillOpen { .. } => "round_still_open",
        Refusal::RoundStep { .. } => "round_step",
        Refusal::ShopOrderOver { .. } => "shop_order_over",
        Refusal::PaymentTooLate { .. } => "payment_too_late",
        Refusal::FulfilmentStep { .. } => "fulfilment_step",
        Refusal::SharesKept => "shares_kept",
        Refusal::LimitReached { .. } => "limit_reached",
        Refusal::TooManyUnpaid { .. } => "too_many_unpaid",
        Refusal::OutOfStock { .. } => "out_of_stock",
        other => unreachable!("no table speaks of {other:?}"),
    }
}

/// What every table together has to have shown of the shop.
pub(crate) const COMMANDS: [&str; 16] = [
    "create_product",
    "edit_product",
    "move_stock",
    "create_round",
    "draw_round",
    "close_round",
    "cancel_round",
    "place_shop_order",
    "pay_shop_order",
    "begin_shop_payment",
    "cancel_shop_order",
    "step_shop_order",
    "refund_shop_order",
    "expire_shop_orders",
    "note_stuck_order",
    "resolve_stuck_order",
];

pub(crate) const REFUSALS: [&str; 17] = [
    "stock_out_of_range",
    "shares_out_of_range",
    "too_many_pictures",
    "round_times",
    "not_on_sale",
    "round_not_open",
    "round_not_begun",
    "round_over",
    "round_still_open",
    "round_step",
    "shop_order_over",
    "payment_too_late",
    "fulfilment_step",
    "shares_kept",
    "limit_reached",
    "too_many_unpaid",
    "out_of_stock",
];
