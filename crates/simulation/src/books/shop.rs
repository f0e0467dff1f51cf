//! The shop's part of the auditor's books. Much in a shop happens without anybody's asking: orders lapse, money comes in through WeChat,
//! rounds are drawn and closed. So beside the answers, each look at the database is held against the one before, with WeChat's payments
//! at hand.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    BackTo, CancelShopOrder, CreateRound, Currency, Delivery, EditProduct, Fulfilment, Goods, Instant, MemberId,
    MemberStatus, MoveStock, OrderId, Outcome, Owner, PayShopOrder, PayWith, PlaceShopOrder, PoolId, ProductId,
    Quantity, RefundShopOrder, Refusal, RoundId, RoundStatus, ShopCommand, ShopOrder, ShopOrderOutcome, ShopOrderState,
    ShopRules, ShopStatus, StepShopOrder, Topup,
};
use sha2::{Digest, Sha256};

use super::{Books, Order, Wrong, wallet};
use crate::asked::Asked;
use crate::stored::{Stored, StoredRound, StoredShopOrder, StoredTopup};

#[derive(Debug, Clone)]
pub(crate) struct Ware {
    pub(crate) price: i64,
    pub(crate) on_sale: bool,
    pub(crate) limit: Option<i64>,
    /// The most pieces that one member was ever allowed; absent for any number.
    most: Option<i64>,
    /// What has come in, less what was carried away.
    pub(crate) stock: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Raffle {
    pub(crate) product: ProductId,
    shares: i64,
    share_price: i64,
    pub(crate) limit: Option<i64>,
    opens_at: Instant,
    closes_at: Instant,
    prize: OrderId,
    secret: [u8; 32],
    pub(crate) status: RoundStatus,
    is_called_off: bool,
    won: Option<Won>,
}

/// The number, the order and the member that have won.
type Won = (i64, i64, i64);

/// How far an order has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    Unpaid,
    Paid { fulfilment: Fulfilment, shares: Vec<i64> },
    Cancelled,
    Expired,
    Refunded { fulfilment: Fulfilment },
}

#[derive(Debug, Clone)]
pub(crate) struct Deal {
    order_no: String,
    pub(crate) member: MemberId,
    pub(crate) goods: Goods,
    pub(crate) quantity: i64,
    piece_price: i64,
    share_price: i64,
    is_delivered: bool,
    /// Until when it can be paid; absent where it was paid as it was placed.
    pub(crate) deadline: Option<Instant>,
    pub(crate) now: Stage,
    /// How it may stand as well, where the order of things is open.
    or: Vec<Stage>,
    is_paid_from_balance: bool,
    was_paid: bool,
    /// What is charged for it as it stands, for pieces and for shares.
    charged: [i64; 2],
}

/// What an answer means for how much is left of a pool, or how much of it somebody has.
#[derive(Debug)]
struct Claimed {
    pool: PoolId,
    of: Counted,
    /// What the books made of it, by all that was acknowledged until then.
    between: (i64, i64),
    told: Told,
    by: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Left,
    Bought,
}

#[derive(Debug, Clone, Copy)]
enum Told {
    AtLeast(i64),
    AtMost(i64),
    Exactly(i64),
}

/// What has changed in a pool from one look to the next without anybody's asking.
#[derive(Debug, Default, Clone, Copy)]
struct Drift {
    taken: i64,
    freed: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Shop {
    pub(crate) wares: BTreeMap<ProductId, Ware>,
    pub(crate) raffles: BTreeMap<RoundId, Raffle>,
    pub(crate) deals: BTreeMap<OrderId, Deal>,
    claimed: Vec<Claimed>,
    /// The pools that something acknowledged has touched since the last look.
    touched: BTreeSet<PoolId>,
    /// What rounds were told to be.
    statuses: Vec<(RoundId, RoundStatus)>,
}

/// What WeChat has taken for one order.
#[derive(Debug, Default)]
struct Payments<'a> {
    /// Paid there, and kept here.
    kept: Vec<&'a StoredTopup>,
    /// Paid there, and given back or about to be.
    returned: Vec<(&'a StoredTopup, i64)>,
}

/// The checks tell of nothing that is late by less.
const LATE_MS: i64 = 10 * 60_000;

fn first_step(goods: Goods) -> Fulfilment {
    if goods.pieces().is_some() { Fulfilment::Pending } else { Fulfilment::NotNeeded }
}

fn is_handed_over(fulfilment: Fulfilment) -> bool {
    matches!(fulfilment, Fulfilment::Shipped | Fulfilment::Completed)
}

/// How far a round has come.
fn rank(status: RoundStatus) -> u8 {
    match status {
        RoundStatus::Open => 0,
        RoundStatus::SoldOut => 1,
        RoundStatus::Drawn | RoundStatus::Failed => 2,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The winning number by docs/draw.md.
fn winning_number(secret: [u8; 32], shares: &BTreeMap<i64, (OrderId, MemberId, &str)>) -> i64 {
    let mut lines = Sha256::new_with_prefix(secret);
    for (number, (_, _, order_no)) in shares {
        lines.update(format!("{number}:{order_no}\n"));
    }
    let count = shares.len() as u64;
    let mut rest = 0;
    for byte in lines.finalize() {
        rest = (rest * 256 + u64::from(byte)) % count.max(1);
    }
    rest as i64 + 1
}

impl Stage {
    fn of(order: &ShopOrder) -> Self {
        match order.state {
            ShopOrderState::Unpaid { .. } => Self::Unpaid,
            ShopOrderState::Paid { fulfilment, .. } => Self::Paid { fulfilment, shares: order.share_numbers.clone() },
            ShopOrderState::Cancelled { .. } => Self::Cancelled,
            ShopOrderState::Expired { .. } => Self::Expired,
            ShopOrderState::Refunded { fulfilment, .. } => Self::Refunded { fulfilment },
        }
    }

    fn status(&self) -> ShopStatus {
        match self {
            Self::Unpaid => ShopStatus::Pending,
            Self::Paid { fulfilment: Fulfilment::Completed, .. } => ShopStatus::Completed,
            Self::Paid { .. } => ShopStatus::Paid,
            Self::Cancelled => ShopStatus::Cancelled,
            Self::Expired => ShopStatus::Expired,
            Self::Refunded { .. } => ShopStatus::Refunded,
        }
    }

    /// How a row says it.
    fn stored(row: &StoredShopOrder) -> Option<Self> {
        let fulfilment = || {
            let word = row.fulfilment.as_deref();
            Fulfilment::ALL.into_iter().find(|fulfilment| Some(fulfilment.as_str()) == word)
        };
        let stage = match row.status.as_str() {
            "pending" => Self::Unpaid,
            "paid" | "completed" => Self::Paid { fulfilment: fulfilment()?, shares: row.share_numbers.clone() },
            "cancelled" => Self::Cancelled,
            "expired" => Self::Expired,
            "refunded" => Self::Refunded { fulfilment: fulfilment()? },
            _ => return None,
        };
        (stage.status().as_str() == row.status).then_some(stage)
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Unpaid | Self::Expired)
    }
}

impl Deal {
    pub(crate) fn total(&self) -> i64 {
        (self.piece_price + self.share_price) * self.quantity
    }

    pub(crate) fn fulfilment(&self) -> Option<Fulfilment> {
        match self.now {
            Stage::Paid { fulfilment, .. } => Some(fulfilment),
            _ => None,
        }
    }

    fn is_prize(&self) -> bool {
        matches!(self.goods, Goods::Prize { .. })
    }

    /// Whether it needs no money from WeChat.
    fn is_paid_here(&self) -> bool {
        self.is_paid_from_balance || self.deadline.is_none()
    }

    fn is_held_at(&self, at: Instant) -> bool {
        self.deadline.is_none_or(|deadline| at < deadline)
    }

    /// How much of a pool it has.
    fn has(&self, pool: PoolId, at: Instant) -> i64 {
        let is_pieces = self.goods.pieces().map(PoolId::from) == Some(pool);
        let is_shares = self.goods.shares().map(PoolId::from) == Some(pool);
        let counts = match &self.now {
            Stage::Unpaid => (is_pieces || is_shares) && self.is_held_at(at),
            Stage::Paid { shares, .. } => is_pieces || is_shares && !shares.is_empty(),
            Stage::Refunded { fulfilment } => is_pieces && is_handed_over(*fulfilment),
            Stage::Cancelled | Stage::Expired => false,
        };
        if counts { self.quantity } else { 0 }
    }

    /// How much of a pool counts against what its member may have.
    fn counts(&self, pool: PoolId, at: Instant) -> i64 {
        let stands = match self.now {
            Stage::Unpaid => self.is_held_at(at),
            Stage::Paid { .. } => true,
            Stage::Cancelled | Stage::Expired | Stage::Refunded { .. } => false,
        };
        if stands && !self.is_prize() && self.goods.pools().any(|own| own == pool) { self.quantity } else { 0 }
    }

    fn due(&self) -> [i64; 2] {
        match &self.now {
            Stage::Paid { shares, .. } => {
                let shares = if shares.is_empty() { 0 } else { self.share_price * self.quantity };
                [self.piece_price * self.quantity, shares]
            }
            _ => [0, 0],
        }
    }

    /// Whether the shares are as many as were paid for.
    fn shares_fit(&self, shares: &[i64], has_failed: bool) -> bool {
        let expected = if self.goods.shares().is_some() && !has_failed { self.quantity } else { 0 };
        shares.len() as i64 == expected
    }

    /// Whether it may come from one stage to the other while nobody asks for anything.
    fn drifts(
        &self,
        from: &Stage,
        to: &Stage,
        row: &StoredShopOrder,
        payments: &Payments<'_>,
        has_failed: bool,
    ) -> bool {
        let is_first = |fulfilment: &Fulfilment| *fulfilment == first_step(self.goods);
        let (kept, returned) = (payments.kept.len(), payments.returned.len());
        let is_shares = matches!(self.goods, Goods::Shares { .. });
        match (from, to) {
            (Stage::Unpaid, Stage::Expired) => {
                let deadline = self.deadline.map(Instant::as_millis);
                row.ended_at.zip(deadline).is_some_and(|(ended_at, deadline)| ended_at >= deadline)
            }
            (from, Stage::Paid { fulfilment, shares }) if from.is_open() => {
                is_first(fulfilment) && kept == 1 && self.shares_fit(shares, has_failed)
            }
            (from, Stage::Refunded { fulfilment }) if from.is_open() => {
                is_first(fulfilment) && (kept == 0 && returned > 0 || kept == 1 && is_shares && has_failed)
            }
            (Stage::Cancelled, Stage::Refunded { fulfilment }) => is_first(fulfilment) && kept == 0 && returned > 0,
            (Stage::Paid { fulfilment, .. }, Stage::Paid { fulfilment: then, shares }) => {
                fulfilment == then && has_failed && shares.is_empty()
            }
            (Stage::Paid { .. }, Stage::Refunded { .. }) => is_shares && has_failed,
            _ => false,
        }
    }

    /// Whether the money that came through WeChat is where it has to be.
    fn money_fits(&self, payments: &Payments<'_>, has_failed: bool) -> bool {
        let (kept, returned) = (payments.kept.len(), payments.returned.len());
        let is_whole = |(topup, back): &(&StoredTopup, i64)| topup.amount == *back;
        match self.now {
            Stage::Unpaid | Stage::Cancelled | Stage::Expired => kept + returned == 0,
            Stage::Paid { .. } => kept == usize::from(!self.is_paid_here()),
            Stage::Refunded { .. } if self.is_paid_here() => kept == 0,
            Stage::Refunded { .. } if self.was_paid || has_failed => kept <= 1 && kept + returned > 0,
            Stage::Refunded { .. } => kept == 0 && returned > 0 && payments.returned.iter().all(is_whole),
        }
    }

    /// How its claim on a pool has to be stored.
    fn hold(&self, pool: PoolId) -> &'static str {
        let is_pieces = self.goods.pieces().map(PoolId::from) == Some(pool);
        match &self.now {
            Stage::Unpaid => "held",
            Stage::Paid { fulfilment, .. } | Stage::Refunded { fulfilment }
                if is_pieces && is_handed_over(*fulfilment) =>
            {
                "consumed"
            }
            Stage::Paid { shares, .. } if is_pieces || !shares.is_empty() => "held",
            _ => "released",
        }
    }
}

impl Raffle {
    fn sells_at(&self, at: Instant) -> bool {
        self.opens_at <= at && at < self.closes_at
    }

    /// Whether the prize is still kept for whoever wins.
    fn keeps_prize(&self) -> bool {
        matches!(self.status, RoundStatus::Open | RoundStatus::SoldOut)
    }
}

impl Shop {
    pub(crate) fn is_used(&self) -> bool {
        !self.wares.is_empty()
    }

    fn ware(&self, product: ProductId) -> Result<&Ware, Wrong> {
        self.wares.get(&product).ok_or_else(|| format!("nobody knows product {product:?}"))
    }

    fn raffle(&self, round: RoundId) -> Result<&Raffle, Wrong> {
        self.raffles.get(&round).ok_or_else(|| format!("nobody knows round {round:?}"))
    }

    fn deal(&self, order: OrderId) -> Result<&Deal, Wrong> {
        self.deals.get(&order).ok_or_else(|| format!("nobody knows shop order {order:?}"))
    }

    fn capacity(&self, pool: PoolId) -> i64 {
        let ware = self.wares.get(&ProductId::new(pool.get())).map(|ware| ware.stock);
        ware.or_else(|| self.raffles.get(&RoundId::new(pool.get())).map(|raffle| raffle.shares)).unwrap_or(0)
    }

    fn limit(&self, pool: PoolId) -> Option<i64> {
        let ware = self.wares.get(&ProductId::new(pool.get())).map(|ware| ware.limit);
        ware.or_else(|| self.raffles.get(&RoundId::new(pool.get())).map(|raffle| raffle.limit)).flatten()
    }

    /// What can be had of a pool.
    fn left(&self, pool: PoolId, at: Instant) -> i64 {
        let of_orders: i64 = self.deals.values().map(|deal| deal.has(pool, at)).sum();
        let prizes =
            self.raffles.values().filter(|raffle| PoolId::from(raffle.product) == pool && raffle.keeps_prize());
        self.capacity(pool) - of_orders - prizes.count() as i64
    }

    /// What a member has of it.
    fn bought(&self, pool: PoolId, member: MemberId, at: Instant) -> i64 {
        let own = self.deals.values().filter(|deal| deal.member == member);
        own.map(|deal| deal.counts(pool, at)).sum()
    }

    fn left_told(&mut self, pool: PoolId, (from, until): (Instant, Instant), told: Told, by: String) {
        let between = (self.left(pool, from).max(0), self.left(pool, until).max(0));
        self.claimed.push(Claimed { pool, of: Counted::Left, between, told, by });
    }

    fn bought_told(
        &mut self,
        (pool, member): (PoolId, MemberId),
        (from, until): (Instant, Instant),
        told: Told,
        by: String,
    ) {
        let between = (self.bought(pool, member, until), self.bought(pool, member, from));
        self.claimed.push(Claimed { pool, of: Counted::Bought, between, told, by });
    }

    /// How many claims there are, by the orders that are stored.
    pub(super) fn claims(&self, stored: &Stored) -> usize {
        let of_order = |order: &StoredShopOrder| match order.kind.as_str() {
            "pieces_and_shares" => 2,
            _ => 1,
        };
        stored.shop_orders.values().map(of_order).sum::<usize>() + self.raffles.len()
    }

    /// What became of each order and of each round.
    pub(crate) fn came_to(&self) -> Vec<String> {
        let is_through_wechat = |deal: &Deal| matches!(deal.now, Stage::Paid { .. }) && !deal.is_paid_here();
        let of_deal = |deal: &Deal| match is_through_wechat(deal) {
            true => "shop order paid at WeChat".to_owned(),
            false => format!("shop order {:?}", deal.now.status()),
        };
        let deals = self.deals.values().map(of_deal);
        deals.chain(self.raffles.values().map(|raffle| format!("round {:?}", raffle.status))).collect()
    }

    /// What is not yet over although its time is.
    pub(crate) fn open(&self, now: Instant) -> Option<String> {
        let late = now.plus_millis(-LATE_MS);
        let mut unpaid = self.deals.iter().filter(|(_, deal)| deal.now == Stage::Unpaid);
        if let Some(deal) = unpaid.find(|(_, deal)| deal.deadline.is_some_and(|deadline| deadline < late)) {
            return Some(format!("an order is still unpaid after its deadline: {deal:?}"));
        }
        let is_late = |raffle: &Raffle| match raffle.status {
            RoundStatus::Open => raffle.closes_at < late,
            RoundStatus::SoldOut => true,
            RoundStatus::Drawn | RoundStatus::Failed => false,
        };
        let round = self.raffles.iter().find(|(_, raffle)| is_late(raffle));
        round.map(|round| format!("a round has not come to its end: {round:?}"))
    }
}

impl Books {
    /// Takes down what was done in the shop.
    pub(super) fn shop_done(
        &mut self,
        asked: &Asked,
        command: &ShopCommand,
        outcome: &Outcome,
        until: Instant,
        order: Order,
    ) -> Result<(), Wrong> {
        match (command, outcome) {
            (ShopCommand::CreateProduct(command), Outcome::Product(told)) => {
                must!(told.pool.capacity == command.stock, "another stock than asked for: {told:?}");
                let limit = command.member_limit.map(Quantity::get);
                let (price, on_sale) = (command.price.cents().get(), command.on_sale);
                let ware = Ware { price, on_sale, limit, most: limit, stock: command.stock };
                let before = self.shop.wares.insert(told.product.id, ware);
                must!(before.is_none(), "the id of {told:?} was given before");
            }
            (ShopCommand::EditProduct(command), Outcome::Product(_)) => self.edit_product(command)?,
            (ShopCommand::MoveStock(command), Outcome::Product(told)) => {
                let at = told.product.updated_at;
                self.move_stock(command, at, order)?;
            }
            (ShopCommand::CreateRound(command), Outcome::Round(told)) => {
                let kernel::Round { id, prize, created_at, .. } = told.round;
                let promised = hex(&Sha256::digest(command.secret.0));
                must!(told.round.commitment == promised, "another secret is promised: {told:?}");
                self.create_round(command, id, prize, created_at, order)?;
            }
            (ShopCommand::DrawRound(command), Outcome::Round(told)) => {
                self.shop.raffle(command.round)?;
                must!(told.round.status() == RoundStatus::Drawn, "drawn, and yet {told:?}");
                self.shop.statuses.push((command.round, RoundStatus::Drawn));
            }
            (ShopCommand::CloseRound(command), Outcome::Round(told)) => {
                let closes_at = self.shop.raffle(command.round)?.closes_at;
                must!(closes_at <= told.round.updated_at, "closed before its time: {told:?}");
                self.shop.statuses.push((command.round, RoundStatus::Failed));
            }
            (ShopCommand::CancelRound(command), Outcome::Round(_)) => {
                if let Some(raffle) = self.shop.raffles.get_mut(&command.round) {
                    raffle.is_called_off = true;
                }
                self.shop.statuses.push((command.round, RoundStatus::Failed));
            }
            (ShopCommand::Place(command), Outcome::ShopOrder(told)) => self.buy(asked, command, told, until, order)?,
            (
                ShopCommand::Pay(PayShopOrder { order: id, .. })
                | ShopCommand::Cancel(CancelShopOrder { order: id, .. })
                | ShopCommand::Step(StepShopOrder { order: id, .. })
                | ShopCommand::Refund(RefundShopOrder { order: id, .. }),
                Outcome::ShopOrder(told),
            ) => {
                must!(told.order.id == *id, "{told:?} was told of order {id:?}");
                let at = told.order.updated_at;
                must!(asked.at <= at && at <= until, "changed at {at}, asked at {} and told at {until}", asked.at);
                self.change_deal(asked, command, told, order)?;
            }
            (command, outcome) => return Err(format!("{command:?} was answered by {outcome:?}")),
        }
        Ok(())
    }

    fn edit_product(&mut self, command: &EditProduct) -> Result<(), Wrong> {
        let patch = &command.patch;
        let Some(ware) = self.shop.wares.get_mut(&command.product) else {
            return Err(format!("nobody knows product {:?}", command.product));
        };
        ware.price = patch.price.map_or(ware.price, |price| price.cents().get());
        ware.on_sale = patch.on_sale.unwrap_or(ware.on_sale);
        if let Some(limit) = patch.member_limit {
            ware.limit = limit.map(Quantity::get);
            ware.most = ware.most.zip(ware.limit).map(|(most, limit)| most.max(limit));
        }
        Ok(())
    }

    fn move_stock(&mut self, command: &MoveStock, at: Instant, order: Order) -> Result<(), Wrong> {
        self.shop.ware(command.product)?;
        let pool = command.product.into();
        if order == Order::Known {
            self.shop.left_told(pool, (at, at), Told::AtLeast(-command.delta), format!("{command:?}"));
        }
        self.shop.touched.insert(pool);
        if let Some(ware) = self.shop.wares.get_mut(&command.product) {
            ware.stock += command.delta;
        }
        Ok(())
    }

    fn create_round(
        &mut self,
        command: &CreateRound,
        id: RoundId,
        prize: OrderId,
        at: Instant,
        order: Order,
    ) -> Result<(), Wrong> {
        self.shop.ware(command.product)?;
        let pool = command.product.into();
        if order == Order::Known {
            self.shop.left_told(pool, (at, at), Told::AtLeast(1), format!("{command:?}"));
        }
        self.shop.touched.insert(pool);
        let raffle = Raffle {
            product: command.product,
            shares: command.shares,
            share_price: command.share_price.cents().get(),
            limit: command.member_limit.map(Quantity::get),
            opens_at: command.opens_at,
            closes_at: command.closes_at,
            prize,
            secret: command.secret.0,
            status: RoundStatus::Open,
            is_called_off: false,
            won: None,
        };
        must!(self.shop.raffles.insert(id, raffle).is_none(), "the id of round {id:?} was given before");
        Ok(())
    }

    fn buy(
        &mut self,
        asked: &Asked,
        command: &PlaceShopOrder,
        told: &ShopOrderOutcome,
        until: Instant,
        order: Order,
    ) -> Result<(), Wrong> {
        let made = &told.order;
        let (id, at, goods, quantity) = (made.id, made.created_at, command.goods, command.quantity.get());
        must!(asked.at <= at && at <= until, "bought at {at}, asked at {} and told at {until}", asked.at);
        must!(!self.shop.deals.contains_key(&id), "the id of shop order {id:?} was given before");
        let is_as_asked = (made.member, made.goods, made.quantity, made.pay_with, &made.delivery)
            == (command.member, goods, command.quantity, command.pay_with, &command.delivery);
        must!(is_as_asked, "another order than asked for: {made:?}");
        let status = self.person(command.member)?.status;
        must!(status == MemberStatus::Active, "{:?} bought while {status:?}", command.member);
        let ware = goods.pieces().map(|product| self.shop.ware(product)).transpose()?;
        must!(ware.is_none_or(|ware| ware.on_sale), "bought what is not on sale: {made:?}");
        let raffle = goods.shares().map(|round| self.shop.raffle(round)).transpose()?;
        must!(raffle.is_none_or(|raffle| raffle.sells_at(at)), "bought of a round that does not sell: {made:?}");
        let (piece_price, share_price) =
            (ware.map_or(0, |ware| ware.price), raffle.map_or(0, |raffle| raffle.share_price));
        let prices = (made.piece_price.get(), made.share_price.get(), made.total.get());
        let total = (piece_price + share_price) * quantity;
        must!(prices == (piece_price, share_price, total), "{made:?} costs {piece_price}, {share_price}, {total}");

        let pays_now = command.pay_with == PayWith::Balance || total == 0;
        let rules = ShopRules::default();
        let deadline = at.plus_millis(rules.pay_within_ms);
        let deadline = raffle.map_or(deadline, |raffle| deadline.min(raffle.closes_at));
        let is_sound = match made.state {
            ShopOrderState::Paid { paid_at, fulfilment } => {
                pays_now && paid_at == at && fulfilment == first_step(goods)
            }
            ShopOrderState::Unpaid { expires_at } => !pays_now && expires_at == deadline,
            _ => false,
        };
        must!(is_sound, "it can be paid until {deadline}, at once: {pays_now}; but {made:?}");
        if order == Order::Known {
            for pool in goods.pools() {
                let by = format!("{command:?}");
                if let Some(limit) = self.shop.limit(pool) {
                    let most = Told::AtMost(limit - quantity);
                    self.shop.bought_told((pool, command.member), (at, at), most, by.clone());
                }
                self.shop.left_told(pool, (at, at), Told::AtLeast(quantity), by);
            }
        }
        let deal = Deal {
            order_no: made.order_no.clone(),
            member: command.member,
            goods,
            quantity,
            piece_price,
            share_price,
            is_delivered: command.delivery != Delivery::PickUp,
            deadline: (!pays_now).then_some(deadline),
            now: Stage::of(made),
            or: Vec::new(),
            is_paid_from_balance: false,
            was_paid: pays_now,
            charged: [0, 0],
        };
        let fits = match &deal.now {
            Stage::Paid { shares, .. } => deal.shares_fit(shares, false),
            _ => made.share_numbers.is_empty(),
        };
        must!(fits, "other shares than were paid for: {made:?}");
        self.shop.deals.insert(id, deal);
        self.shop.touched.extend(goods.pools());
        if pays_now && total > 0 {
            self.charged_above_floor(command.member, told)?;
        }
        self.recharge(id);
        if let Some(balance) = told.balance {
            self.balance_told(wallet(command.member), balance.get(), order);
        }
        Ok(())
    }

    fn charged_above_floor(&self, member: MemberId, told: &ShopOrderOutcome) -> Result<(), Wrong> {
        let floor = self.floor(member, wallet(member))?;
        let is_above = told.balance.zip(floor).is_none_or(|(balance, floor)| balance.get() >= floor);
        must!(is_above, "charged down to {:?} below {floor:?}", told.balance);
        Ok(())
    }

    /// Moves the money that goes with how an order stands.
    fn recharge(&mut self, id: OrderId) {
        let Some(deal) = self.shop.deals.get_mut(&id) else { return };
        let due = deal.due();
        let before = std::mem::replace(&mut deal.charged, due);
        let (payer, goods) = (wallet(deal.member), deal.goods);
        let takings = [
            goods.pieces().map(|product| Owner::Product(product).account(Currency::Cny)),
            goods.shares().map(|round| Owner::Round(round).account(Currency::Cny)),
        ];
        for ((takings, due), before) in takings.into_iter().zip(due).zip(before) {
            if let Some(takings) = takings.filter(|_| due != before) {
                self.move_money(payer, takings, due - before);
            }
        }
    }

    /// Where an order is changed by somebody, from what the books know: WeChat may have paid for it since.
    fn change_deal(
        &mut self,
        asked: &Asked,
        command: &ShopCommand,
        told: &ShopOrderOutcome,
        order: Order,
    ) -> Result<(), Wrong> {
        let (id, at) = (told.order.id, told.order.updated_at);
        let deal = self.shop.deal(id)?;
        let to = Stage::of(&told.order);
        let is_own = asked.by.is_none_or(|by| by == deal.member);
        let is_owners = matches!(command, ShopCommand::Pay(_) | ShopCommand::Cancel(_));
        must!(is_own || !is_owners, "{:?} changed an order of {deal:?}", asked.by);
        let first = first_step(deal.goods);
        // What it was paid as, where WeChat may have paid for it since.
        let fulfilment = match deal.now {
            Stage::Paid { fulfilment, .. } => Some(fulfilment),
            Stage::Unpaid | Stage::Expired => Some(first),
            Stage::Cancelled | Stage::Refunded { .. } => None,
        };
        let may_have_failed =
            deal.goods.shares().and_then(|round| self.shop.raffles.get(&round)).is_some_and(|raffle| {
                raffle.status == RoundStatus::Failed || raffle.is_called_off || raffle.closes_at <= at
            });
        let has_shares = matches!(&deal.now, Stage::Paid { shares, .. } if !shares.is_empty()) && !may_have_failed;
        let (is_right, may) = match (command, &to) {
            (ShopCommand::Pay(_), Stage::Paid { fulfilment, shares }) => {
                let sells = deal
                    .goods
                    .shares()
                    .is_none_or(|round| self.shop.raffles.get(&round).is_some_and(|raffle| raffle.sells_at(at)));
                let is_right = *fulfilment == first && deal.shares_fit(shares, false) && !deal.is_paid_here();
                (is_right && deal.is_held_at(at) && sells, deal.now == Stage::Unpaid)
            }
            (ShopCommand::Cancel(_), Stage::Cancelled) => (deal.is_held_at(at), deal.now == Stage::Unpaid),
            (ShopCommand::Cancel(_), Stage::Refunded { fulfilment: told }) => {
                (*told == Fulfilment::Pending, fulfilment == Some(Fulfilment::Pending) && !has_shares)
            }
            (ShopCommand::Step(command), Stage::Paid { fulfilment: told, .. }) => {
                let fits = match command.to {
                    Fulfilment::NotNeeded | Fulfilment::Pending => false,
                    Fulfilment::Ready => !deal.is_delivered,
                    Fulfilment::Shipped => deal.is_delivered,
                    Fulfilment::Preparing | Fulfilment::Completed => true,
                };
                let goes_on = fulfilment.is_some_and(|from| from != Fulfilment::NotNeeded && from < command.to);
                (*told == command.to && fits, goes_on)
            }
            (ShopCommand::Refund(_), Stage::Refunded { fulfilment: told }) => (true, fulfilment == Some(*told)),
            _ => (false, false),
        };
        must!(is_right, "{command:?} made {told:?} of {deal:?}");
        must!(order == Order::Open || may, "{command:?} made {told:?} of {deal:?}");
        let (member, total) = (deal.member, deal.total());
        self.shop.touched.extend(told.order.goods.pools());
        if matches!(command, ShopCommand::Pay(_)) {
            self.charged_above_floor(member, told).or_else(|wrong| if total == 0 { Ok(()) } else { Err(wrong) })?;
        }
        let Some(deal) = self.shop.deals.get_mut(&id) else { return Ok(()) };
        deal.is_paid_from_balance |= matches!(command, ShopCommand::Pay(_));
        deal.was_paid |= matches!(to, Stage::Paid { .. } | Stage::Refunded { .. });
        match order {
            Order::Known => deal.now = to,
            Order::Open => deal.or.push(to),
        }
        self.recharge(id);
        if let Some(balance) = told.balance {
            self.balance_told(wallet(member), balance.get(), order);
        }
        Ok(())
    }

    /// Whether a refusal in the shop says what the books say, or what they may come to say at their next look.
    pub(super) fn shop_refused(
        &mut self,
        asked: &Asked,
        command: &ShopCommand,
        refusal: &Refusal,
        until: Instant,
    ) -> Result<bool, Wrong> {
        use Refusal as R;
        let (deal, goods) = match command {
            ShopCommand::Place(command) => (None, Some(command.goods)),
            ShopCommand::Pay(PayShopOrder { order, goods })
            | ShopCommand::Cancel(CancelShopOrder { order, goods, .. })
            | ShopCommand::Step(StepShopOrder { order, goods, .. })
            | ShopCommand::Refund(RefundShopOrder { order, goods, .. }) => {
                (Some(self.shop.deal(*order)?.clone()), Some(*goods))
            }
            _ => (None, None),
        };
        let round = match command {
            ShopCommand::DrawRound(command) => Some(command.round),
            ShopCommand::CloseRound(command) => Some(command.round),
            ShopCommand::CancelRound(command) => Some(command.round),
            _ => goods.and_then(Goods::shares),
        };
        let raffle = round.map(|round| self.shop.raffle(round)).transpose()?;
        let when = (asked.at, until);
        Ok(match (command, refusal) {
            (ShopCommand::Place(command), R::MemberDisabled) => {
                self.person(command.member)?.status == MemberStatus::Disabled
            }
            (ShopCommand::Place(command), R::NotOnSale) => {
                let product = command.goods.pieces();
                product.is_some_and(|product| self.shop.wares.get(&product).is_some_and(|ware| !ware.on_sale))
            }
            (ShopCommand::Place(command), R::LimitReached { limit, bought, asked }) => {
                let pools = command.goods.pools();
                let limited: Vec<PoolId> = pools.filter(|pool| self.shop.limit(*pool) == Some(*limit)).collect();
                // Which of two pools it is, nobody says.
                if let [pool] = limited[..] {
                    let by = format!("{command:?}: {refusal:?}");
                    self.shop.bought_told((pool, command.member), when, Told::Exactly(*bought), by);
                }
                !limited.is_empty() && *asked == command.quantity.get() && bought + asked > *limit
            }
            (ShopCommand::Place(command), R::TooManyUnpaid { most }) => {
                let own = self.shop.deals.values().filter(|deal| deal.member == command.member);
                let unpaid = own.filter(|deal| deal.now == Stage::Unpaid && deal.is_held_at(asked.at)).count();
                *most == ShopRules::default().most_unpaid && unpaid as i64 >= *most
            }
            (
                ShopCommand::Place(_) | ShopCommand::CreateRound(_) | ShopCommand::MoveStock(_),
                R::OutOfStock { asked, left },
            ) => {
                let pools: Vec<PoolId> = match command {
                    ShopCommand::CreateRound(command) => vec![command.product.into()],
                    ShopCommand::MoveStock(command) => vec![command.product.into()],
                    _ => goods.into_iter().flat_map(Goods::pools).collect(),
                };
                if let [pool] = pools[..] {
                    let by = format!("{command:?}: {refusal:?}");
                    self.shop.left_told(pool, when, Told::Exactly(*left), by);
                }
                asked > left
            }
            (ShopCommand::Place(_) | ShopCommand::Pay(_), R::InsufficientBalance { balance, .. }) => {
                let member = match command {
                    ShopCommand::Place(command) => Some(command.member),
                    _ => deal.map(|deal| deal.member),
                };
                if let Some(member) = member {
                    self.balance_told(wallet(member), balance.get(), Order::Known);
                }
                member.is_some()
            }
            (ShopCommand::Place(_) | ShopCommand::Pay(_), R::RoundNotOpen { status }) => {
                let is_so = *status != RoundStatus::Open;
                self.shop.statuses.extend(round.map(|round| (round, *status)));
                is_so && round.is_some()
            }
            (ShopCommand::Place(_) | ShopCommand::Pay(_), R::RoundNotBegun { opens_at }) => {
                raffle.is_some_and(|raffle| raffle.opens_at == *opens_at && asked.at < *opens_at)
            }
            (ShopCommand::Place(_) | ShopCommand::Pay(_), R::RoundOver { since }) => {
                raffle.is_some_and(|raffle| raffle.closes_at == *since && *since <= until)
            }
            (
                ShopCommand::DrawRound(_) | ShopCommand::CloseRound(_) | ShopCommand::CancelRound(_),
                R::RoundStep { from, .. },
            ) => {
                self.shop.statuses.extend(round.map(|round| (round, *from)));
                match command {
                    ShopCommand::DrawRound(_) => *from != RoundStatus::SoldOut,
                    _ => *from != RoundStatus::Open,
                }
            }
            (ShopCommand::CloseRound(_), R::RoundStillOpen { closes_at }) => {
                raffle.is_some_and(|raffle| raffle.closes_at == *closes_at && asked.at < *closes_at)
            }
            (ShopCommand::CreateRound(command), R::RoundTimes) => {
                command.closes_at <= command.opens_at || command.closes_at <= until
            }
            (ShopCommand::MoveStock(command), R::AmountZero) => command.delta == 0,
            (ShopCommand::Pay(_) | ShopCommand::Cancel(_), R::NotYours) => {
                deal.is_some_and(|deal| Some(deal.member) != asked.by)
            }
            (ShopCommand::Pay(_) | ShopCommand::Cancel(_), R::PaymentTooLate { since }) => {
                deal.is_some_and(|deal| deal.deadline == Some(*since))
            }
            // Its round may have failed since.
            (_, R::ShopOrderOver { status: ShopStatus::Refunded })
                if deal.as_ref().is_some_and(|deal| {
                    matches!((deal.goods, &deal.now), (Goods::Shares { .. }, Stage::Paid { .. }))
                }) =>
            {
                self.shop.statuses.extend(round.map(|round| (round, RoundStatus::Failed)));
                true
            }
            (_, R::ShopOrderOver { status }) => deal.is_some_and(|deal| match command {
                ShopCommand::Pay(_) | ShopCommand::Cancel(_) => {
                    *status != ShopStatus::Pending && (deal.now.status() == *status || deal.now.is_open())
                }
                _ => {
                    !matches!(status, ShopStatus::Paid | ShopStatus::Completed)
                        && (deal.now.status() == *status || deal.now.is_open() || deal.now == Stage::Cancelled)
                }
            }),
            (ShopCommand::Cancel(_) | ShopCommand::Step(_), R::FulfilmentStep { from, .. }) => {
                deal.is_some_and(|deal| {
                    deal.fulfilment() == Some(*from) || deal.now.is_open() && *from == first_step(deal.goods)
                })
            }
            (ShopCommand::Cancel(_) | ShopCommand::Refund(_), R::SharesKept) => {
                deal.is_some_and(|deal| deal.goods.shares().is_some())
            }
            (
                ShopCommand::Cancel(CancelShopOrder { back_to, .. })
                | ShopCommand::Refund(RefundShopOrder { back_to, .. }),
                R::TopupNotRefundable { .. } | R::RefundTooLarge { .. },
            ) => matches!(back_to, BackTo::Origin { .. }),
            _ => false,
        })
    }

    /// An answer of whoever makes an order payable at WeChat.
    pub(crate) fn shop_payment_begun(&self, order: OrderId, topup: &Topup) -> Result<(), Wrong> {
        let deal = self.shop.deal(order)?;
        let fits = (topup.pays_for, topup.member, topup.amount.get()) == (Some(order), deal.member, deal.total());
        must!(fits, "{topup:?} shall pay for {deal:?}");
        Ok(())
    }

    /// Compares the shop with what is stored, and takes down what has happened there by itself. `latest` is what the clock has said at
    /// most: by then somebody may have taken what an order held until its deadline.
    pub(super) fn compare_shop(&mut self, stored: &Stored, latest: Instant) -> Result<(), Wrong> {
        let payments = payments(stored);
        let mut drifts: BTreeMap<PoolId, Drift> = BTreeMap::new();
        self.compare_products(stored)?;
        let rounds = self.follow_rounds(stored, &mut drifts)?;
        let returned = self.follow_deals(stored, &payments, latest, &mut drifts)?;
        self.hold_claims(&drifts)?;
        self.compare_returned(&returned, &drifts)?;
        self.shop.touched.clear();
        for (id, round) in rounds {
            if let Some(raffle) = self.shop.raffles.get_mut(&id) {
                raffle.status = round;
            }
        }
        for (id, row) in &stored.shop_orders {
            self.take_prize(*id, row, stored)?;
        }
        let ids: Vec<OrderId> = self.shop.deals.keys().copied().collect();
        must!(ids.len() == stored.shop_orders.len(), "other shop orders: {:?}", stored.shop_orders.keys());
        for id in ids {
            self.adopt(id, stored, &payments)?;
            self.recharge(id);
        }
        self.compare_shares(stored)?;
        self.compare_pools(stored, latest)?;
        self.compare_limits(latest)
    }

    fn compare_products(&self, stored: &Stored) -> Result<(), Wrong> {
        must!(stored.products.len() == self.shop.wares.len(), "other products: {:?}", stored.products);
        for (id, ware) in &self.shop.wares {
            let theirs = stored.products.get(&id.get());
            let is_same = theirs.is_some_and(|theirs| {
                (theirs.price, theirs.on_sale, theirs.limit) == (ware.price, ware.on_sale, ware.limit)
                    && (theirs.capacity, theirs.moved) == (ware.stock, ware.stock)
            });
            must!(is_same, "product {id:?} is {theirs:?}, the books say {ware:?}");
        }
        Ok(())
    }

    /// How each round stands now.
    fn follow_rounds(
        &self,
        stored: &Stored,
        drifts: &mut BTreeMap<PoolId, Drift>,
    ) -> Result<BTreeMap<RoundId, RoundStatus>, Wrong> {
        must!(stored.rounds.len() == self.shop.raffles.len(), "other rounds: {:?}", stored.rounds);
        let mut now = BTreeMap::new();
        for (id, raffle) in &self.shop.raffles {
            let Some(row) = stored.rounds.get(&id.get()) else { return Err(format!("round {id:?} is lost")) };
            let status = RoundStatus::ALL.into_iter().find(|status| status.as_str() == row.status);
            let Some(status) = status else { return Err(format!("round {id:?} is {row:?}")) };
            let is_fixed = (row.product, row.capacity) == (raffle.product.get(), raffle.shares)
                && row.commitment == hex(&Sha256::digest(raffle.secret));
            must!(is_fixed, "round {id:?} is {row:?}, and was {raffle:?}");
            let may_become = match raffle.status {
                RoundStatus::Open => true,
                RoundStatus::SoldOut => matches!(status, RoundStatus::SoldOut | RoundStatus::Drawn),
                ended => status == ended,
            };
            must!(may_become, "round {id:?} was {raffle:?} and is {row:?}");
            let is_early = row.ended_at.is_none_or(|ended_at| ended_at < raffle.closes_at.as_millis());
            let has_failed = status == RoundStatus::Failed;
            must!(!has_failed || !is_early || raffle.is_called_off, "round {id:?} ended before its time: {row:?}");
            if has_failed && raffle.keeps_prize() {
                drifts.entry(raffle.product.into()).or_default().freed += 1;
            }
            now.insert(*id, status);
        }
        for (round, told) in &self.shop.statuses {
            let is_later = now.get(round).is_some_and(|now| now == told || rank(*now) > rank(*told));
            must!(is_later, "round {round:?} was told to be {told:?}: {:?}", stored.rounds.get(&round.get()));
        }
        Ok(now)
    }

    /// What the orders' own ways have changed in the pools, and the orders for which money came and went back at once.
    fn follow_deals(
        &self,
        stored: &Stored,
        payments: &BTreeMap<i64, Payments<'_>>,
        latest: Instant,
        drifts: &mut BTreeMap<PoolId, Drift>,
    ) -> Result<Vec<(OrderId, Instant)>, Wrong> {
        let mut returned = Vec::new();
        for (id, deal) in &self.shop.deals {
            let Some(row) = stored.shop_orders.get(&id.get()) else {
                return Err(format!("shop order {id:?} is lost: {deal:?}"));
            };
            let Some(stage) = Stage::stored(row) else { return Err(format!("shop order {id:?} is {row:?}")) };
            let then = Deal { now: stage.clone(), ..deal.clone() };
            // By the claims themselves, which are there until somebody releases them.
            let always = Instant::from_millis(i64::MIN);
            for pool in deal.goods.pools() {
                let drift = drifts.entry(pool).or_default();
                let (before, after) = (deal.has(pool, always), then.has(pool, always));
                drift.taken += (after - before).max(0);
                drift.freed += (before - after).max(0);
                // A clock that is behind takes for held what one that was ahead has given away.
                if deal.now == Stage::Unpaid && !deal.is_held_at(latest) {
                    drift.freed += deal.quantity;
                    drift.taken += if then.has(pool, latest) > 0 { deal.quantity } else { 0 };
                }
            }
            let is_returned = deal.now.is_open()
                && matches!(stage, Stage::Refunded { .. })
                && payments.get(&id.get()).is_some_and(|payments| payments.kept.is_empty());
            if is_returned && let Some(at) = row.ended_at {
                returned.push((*id, Instant::from_millis(at)));
            }
        }
        Ok(returned)
    }

    /// Judges the answers by what has happened beside them.
    fn hold_claims(&mut self, drifts: &BTreeMap<PoolId, Drift>) -> Result<(), Wrong> {
        self.shop.statuses.clear();
        for claimed in std::mem::take(&mut self.shop.claimed) {
            let Drift { taken, freed } = drifts.get(&claimed.pool).copied().unwrap_or_default();
            let (low, high) = claimed.between;
            let (low, high) = match claimed.of {
                Counted::Left => ((low - taken).max(0), high + freed),
                Counted::Bought => (low - freed, high + taken),
            };
            let is_so = match claimed.told {
                Told::AtLeast(least) => least <= high,
                Told::AtMost(most) => low <= most,
                Told::Exactly(told) => low <= told && told <= high,
            };
            let Claimed { of, told, by, .. } = claimed;
            must!(is_so, "{of:?} is between {low} and {high} by the books, and was told to be {told:?} by {by}");
        }
        Ok(())
    }

    /// Money for an order that is still to be had does not go back.
    fn compare_returned(&self, returned: &[(OrderId, Instant)], drifts: &BTreeMap<PoolId, Drift>) -> Result<(), Wrong> {
        for (id, at) in returned {
            let deal = self.shop.deal(*id)?;
            let is_quiet = |pool: &PoolId| {
                let drift = drifts.get(pool).copied().unwrap_or_default();
                // Its own claim ends with it.
                !self.shop.touched.contains(pool) && drift.taken == 0 && drift.freed <= deal.quantity
            };
            let sells = |round| {
                self.shop.raffles.get(&round).is_some_and(|raffle| {
                    raffle.status == RoundStatus::Open && !raffle.is_called_off && raffle.sells_at(*at)
                })
            };
            let is_there = |pool| {
                let own = deal.counts(pool, *at);
                let bought = self.shop.bought(pool, deal.member, *at) - own;
                let is_allowed = self.shop.limit(pool).is_none_or(|limit| bought + deal.quantity <= limit);
                self.shop.left(pool, *at) + deal.has(pool, *at) >= deal.quantity && is_allowed
            };
            let can_be_had = deal.goods.pools().all(is_there) && deal.goods.shares().is_none_or(sells);
            let is_wrong = deal.goods.pools().all(|pool| is_quiet(&pool)) && can_be_had;
            must!(!is_wrong, "money for shop order {id:?} went back, which was to be had: {deal:?}");
        }
        Ok(())
    }

    /// The order that a round's winner gets.
    fn take_prize(&mut self, id: i64, row: &StoredShopOrder, stored: &Stored) -> Result<(), Wrong> {
        let id = OrderId::new(id);
        if self.shop.deals.contains_key(&id) {
            return Ok(());
        }
        let round = row.round.map(RoundId::new);
        let drawn = round.and_then(|round| stored.rounds.get(&round.get())).filter(|round| round.winner.is_some());
        let Some((round, drawn)) = round.zip(drawn).filter(|_| row.kind == "prize") else {
            return Err(format!("nobody has placed shop order {id:?}: {row:?}"));
        };
        let raffle = self.shop.raffle(round)?;
        let is_right = Some(row.member) == drawn.winner
            && row.product == Some(raffle.product.get())
            && (row.quantity, row.total) == (1, 0)
            && raffle.won.is_none();
        must!(is_right, "shop order {id:?} is no prize of {drawn:?}: {row:?}");
        let winner = drawn.winning_order.and_then(|order| self.shop.deals.get(&OrderId::new(order)));
        let deal = Deal {
            order_no: row.order_no.clone(),
            member: MemberId::new(row.member),
            goods: Goods::Prize { product: raffle.product, round },
            quantity: 1,
            piece_price: 0,
            share_price: 0,
            is_delivered: winner.is_some_and(|winner| winner.is_delivered),
            deadline: None,
            now: Stage::Paid { fulfilment: Fulfilment::Pending, shares: Vec::new() },
            or: Vec::new(),
            is_paid_from_balance: false,
            was_paid: true,
            charged: [0, 0],
        };
        let others = self.shop.deals.values().filter(|other| other.goods == deal.goods).count();
        must!(others == 0, "a second prize of round {round:?}: {row:?}");
        self.shop.deals.insert(id, deal);
        Ok(())
    }

    /// Takes an order as it is stored, if it may have become so.
    fn adopt(&mut self, id: OrderId, stored: &Stored, payments: &BTreeMap<i64, Payments<'_>>) -> Result<(), Wrong> {
        let deal = self.shop.deal(id)?;
        let Some((row, stage)) = stored.shop_orders.get(&id.get()).and_then(|row| Some((row, Stage::stored(row)?)))
        else {
            return Err(format!("shop order {id:?} is lost: {deal:?}"));
        };
        let status = |round| self.shop.raffles.get(&round).map(|raffle| raffle.status);
        let has_failed = deal.goods.shares().and_then(status) == Some(RoundStatus::Failed);
        let nothing = Payments::default();
        let payments = payments.get(&id.get()).unwrap_or(&nothing);

        let may_be = || std::iter::once(&deal.now).chain(&deal.or);
        let is_reached = may_be().any(|from| *from == stage || deal.drifts(from, &stage, row, payments, has_failed));
        must!(is_reached, "shop order {id:?} is {row:?}, the books say {deal:?}, and WeChat {payments:?}");
        let is_fixed = (&row.order_no, row.member, row.quantity) == (&deal.order_no, deal.member.get(), deal.quantity)
            && row.product == deal.goods.pieces().map(ProductId::get)
            && row.round == deal.goods.round().map(RoundId::get)
            && row.piece_price == deal.piece_price
            && row.expires_at == deal.deadline.filter(|_| stage == Stage::Unpaid).map(Instant::as_millis);
        let is_given_back = matches!(&stage, Stage::Paid { shares, .. } if shares.is_empty()) && has_failed;
        let is_reduced = row.share_price == 0 && has_failed && deal.goods.pieces().is_some();
        let share_price = if is_given_back { 0 } else { deal.share_price };
        let is_priced = (row.share_price == share_price || is_reduced)
            && row.total == (row.piece_price + row.share_price) * row.quantity;
        must!(is_fixed && is_priced, "shop order {id:?} is {row:?}, the books say {deal:?}");

        let was_paid = deal.was_paid || matches!(stage, Stage::Paid { .. });
        let adopted = Deal { now: stage, or: Vec::new(), was_paid, ..deal.clone() };
        must!(adopted.money_fits(payments, has_failed), "shop order {id:?} is {row:?}, and WeChat has {payments:?}");
        for (topup, _) in &payments.returned {
            must!(topup.member == row.member, "{topup:?} paid for {row:?}");
        }
        for topup in &payments.kept {
            must!(topup.member == row.member && topup.amount == adopted.total(), "{topup:?} paid for {row:?}");
        }
        self.shop.deals.insert(id, adopted);
        Ok(())
    }

    /// Every share has one owner, and who has won is who had to win.
    fn compare_shares(&mut self, stored: &Stored) -> Result<(), Wrong> {
        for (id, raffle) in &mut self.shop.raffles {
            let Some(row) = stored.rounds.get(&id.get()) else { return Err(format!("round {id:?} is lost")) };
            let mut owners: BTreeMap<i64, (OrderId, MemberId, &str)> = BTreeMap::new();
            for (order, deal) in self.shop.deals.iter().filter(|(_, deal)| deal.goods.shares() == Some(*id)) {
                let Stage::Paid { shares, .. } = &deal.now else { continue };
                must!(deal.shares_fit(shares, raffle.status == RoundStatus::Failed), "{deal:?} of {row:?}");
                for number in shares {
                    let other = owners.insert(*number, (*order, deal.member, &deal.order_no));
                    must!(other.is_none(), "share {number} of round {id:?} is {order:?}'s and {other:?}'s");
                }
            }
            let is_within = owners.keys().all(|number| (1..=raffle.shares).contains(number));
            must!(is_within, "round {id:?} has {} shares: {owners:?}", raffle.shares);
            let is_sold_out = owners.len() as i64 == raffle.shares;
            let is_right = match raffle.status {
                RoundStatus::Open => !is_sold_out,
                RoundStatus::SoldOut | RoundStatus::Drawn => is_sold_out,
                RoundStatus::Failed => owners.is_empty(),
            };
            must!(is_right, "round {id:?} is {row:?}, and its shares are {owners:?}");
            raffle.draw(row, &owners)?;
            if let Some((_, _, winner)) = raffle.won {
                let prize = |deal: &&Deal| matches!(deal.goods, Goods::Prize { round, .. } if round == *id);
                let prizes: Vec<i64> = self.shop.deals.values().filter(prize).map(|deal| deal.member.get()).collect();
                must!(prizes == [winner], "the prizes of {row:?} are {prizes:?}");
            }
        }
        Ok(())
    }

    fn compare_pools(&self, stored: &Stored, latest: Instant) -> Result<(), Wrong> {
        let mut taken: BTreeMap<i64, i64> = BTreeMap::new();
        let mut hold = |order: OrderId, pool: PoolId, quantity: i64, may_be: &[&str], of: &dyn std::fmt::Debug| {
            let theirs = stored.holds.get(&(order.get(), pool.get()));
            let fits = theirs.is_some_and(|hold| hold.quantity == quantity && may_be.contains(&hold.state.as_str()));
            must!(fits, "order {order:?} holds {theirs:?} of {pool:?}, and not {quantity} {may_be:?}: {of:?}");
            if theirs.is_some_and(|hold| hold.state != "released") {
                *taken.entry(pool.get()).or_default() += quantity;
            }
            Ok(())
        };
        for (id, deal) in &self.shop.deals {
            for pool in deal.goods.pools() {
                // Whoever buys what somebody held until a deadline ends that claim.
                let has_lapsed = deal.now == Stage::Unpaid && !deal.is_held_at(latest);
                let may_be = if has_lapsed { &["held", "released"][..] } else { &[deal.hold(pool)] };
                hold(*id, pool, deal.quantity, may_be, deal)?;
            }
        }
        for raffle in self.shop.raffles.values() {
            let state = if raffle.keeps_prize() { "held" } else { "released" };
            hold(raffle.prize, raffle.product.into(), 1, &[state], raffle)?;
        }
        let products = stored.products.iter().map(|(id, product)| (id, product.taken, product.capacity));
        let rounds = stored.rounds.iter().map(|(id, round)| (id, round.taken, round.capacity));
        for (id, theirs, capacity) in products.chain(rounds) {
            let ours = taken.get(id).copied().unwrap_or(0);
            must!(theirs == ours, "{theirs} are taken of pool {id}, the orders hold {ours}");
            must!(ours <= capacity, "{ours} are taken of pool {id}, and there are {capacity}");
        }
        Ok(())
    }

    /// Nobody has more than they may, nor more to pay.
    fn compare_limits(&self, latest: Instant) -> Result<(), Wrong> {
        let limits = self.shop.wares.iter().map(|(id, ware)| (PoolId::from(*id), ware.most));
        let limits = limits.chain(self.shop.raffles.iter().map(|(id, raffle)| (PoolId::from(*id), raffle.limit)));
        for (pool, limit) in limits {
            let Some(limit) = limit else { continue };
            for member in self.people.keys() {
                let bought = self.shop.bought(pool, *member, latest);
                must!(bought <= limit, "{member:?} has {bought} of {pool:?}, and may have {limit}");
            }
        }
        let most = ShopRules::default().most_unpaid;
        for member in self.people.keys() {
            let own = self.shop.deals.values().filter(|deal| deal.member == *member);
            let unpaid = own.filter(|deal| deal.now == Stage::Unpaid && deal.is_held_at(latest)).count();
            must!(unpaid as i64 <= most, "{member:?} has {unpaid} orders to pay");
        }
        Ok(())
    }
}

impl Raffle {
    /// Computes the winner again, and sees that it stays the winner.
    fn draw(&mut self, row: &StoredRound, owners: &BTreeMap<i64, (OrderId, MemberId, &str)>) -> Result<(), Wrong> {
        let told = row.winning_number.zip(row.winning_order).zip(row.winner);
        if self.status != RoundStatus::Drawn {
            must!(told.is_none(), "somebody has won in {row:?}");
            return Ok(());
        }
        let number = winning_number(self.secret, owners);
        let ours = owners.get(&number).map(|(order, member, _)| (number, order.get(), member.get()));
        let theirs = told.map(|((number, order), member)| (number, order, member));
        must!(theirs.is_some() && theirs == ours, "{row:?} was won by {ours:?} of {owners:?}");
        must!(self.won.is_none() || self.won == ours, "{row:?} was won by {:?} before", self.won);
        self.won = ours;
        Ok(())
    }
}

/// What came through WeChat for each shop order.
fn payments(stored: &Stored) -> BTreeMap<i64, Payments<'_>> {
    let mut payments: BTreeMap<i64, Payments<'_>> = BTreeMap::new();
    for (id, topup) in &stored.topups {
        let Some(order) = topup.pays_for.filter(|_| topup.transaction.is_some()) else { continue };
        let of_order = payments.entry(order).or_default();
        let back: Vec<i64> = stored.refunds.values().filter(|one| one.topup == *id).map(|one| one.amount).collect();
        match back.iter().max() {
            Some(back) => of_order.returned.push((topup, *back)),
            None => of_order.kept.push(topup),
        }
    }
    payments
}
