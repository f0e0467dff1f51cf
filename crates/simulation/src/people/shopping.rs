//! What they take it into their heads to ask of the shop.

use kernel::{
    BackTo, CancelRound, CancelShopOrder, CloseRound, Command, CreateProduct, CreateRound, Delivery, DrawRound,
    DrawSecret, EditProduct, Fulfilment, Goods, MoveStock, Note, OrderId, PayShopOrder, PayWith, PlaceShopOrder, Price,
    ProductId, ProductPatch, Quantity, Reason, RefundShopOrder, RoundId, RoundStatus, Sealed, ShopCommand,
    StepShopOrder, Title,
};

use super::{MINUTE_MS, People, Unheard, Wish};
use crate::books::{Deal, Stage};

const MOST_PRODUCTS: usize = 3;
const MOST_ROUNDS: usize = 5;

impl People<'_> {
    /// Anything that anybody may ask for in a shop.
    pub(super) fn any_in_shop(&mut self) -> Result<Option<Wish>, Unheard> {
        match self.random.below(100) {
            0..=64 => self.narrow_in_shop(),
            65..=70 => self.create_product(),
            71..=74 => self.edit_product(),
            75..=80 => self.move_stock(),
            81..=89 => self.create_round(),
            90..=94 => Ok(self.end_round()),
            95 => self.cancel_round(),
            96..=97 => self.set_status(),
            _ => self.add_member(),
        }
    }

    /// What touches one order, so that it may come in any order with others of its kind.
    pub(super) fn narrow_in_shop(&mut self) -> Result<Option<Wish>, Unheard> {
        match self.random.below(20) {
            0..=9 => self.buy(),
            10..=11 => Ok(self.pay()),
            12..=13 => Ok(self.cancel()),
            14..=15 => Ok(self.hand_over()),
            16..=17 => self.pay_back(),
            _ => self.grant(),
        }
    }

    fn product(&mut self) -> Option<ProductId> {
        let products: Vec<ProductId> = self.books.shop.wares.keys().copied().collect();
        self.random.pick(&products).copied()
    }

    /// A round with its product, and mostly one that is open.
    fn round(&mut self) -> Option<(RoundId, ProductId)> {
        let open_only = self.random.percent(85);
        let rounds = self.books.shop.raffles.iter();
        let rounds = rounds.filter(|(_, raffle)| !open_only || raffle.status == RoundStatus::Open);
        let rounds: Vec<_> = rounds.map(|(id, raffle)| (*id, raffle.product)).collect();
        self.random.pick(&rounds).copied()
    }

    /// A shop order, and mostly one that is as it is `wanted`.
    fn deal(&mut self, wanted: fn(&Deal) -> bool) -> Option<(OrderId, Deal)> {
        let wanted_only = self.random.percent(85);
        let deals = self.books.shop.deals.iter().filter(|(_, deal)| !wanted_only || wanted(deal));
        let deals: Vec<_> = deals.map(|(id, deal)| (*id, deal.clone())).collect();
        self.random.pick(&deals).cloned()
    }

    fn buy(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(member) = self.someone() else { return Ok(None) };
        let (product, round) = (self.product(), self.round().map(|(round, _)| round));
        let goods = match (self.random.below(10), product, round) {
            (0..=3, Some(product), _) | (_, Some(product), None) => Goods::Pieces { product },
            (4..=8, _, Some(round)) => Goods::Shares { round },
            (_, Some(product), Some(round)) => Goods::PiecesAndShares { product, round },
            _ => return Ok(None),
        };
        let quantity = self.quantity()?;
        let pay_with = if self.random.percent(45) { PayWith::Balance } else { PayWith::Wechat };
        let delivery = match self.random.percent(30) {
            true => Delivery::To(Sealed::new(b"a street".to_vec())),
            false => Delivery::PickUp,
        };
        let order = PlaceShopOrder { member, goods, quantity, pay_with, delivery, notes: Note::default() };
        Ok(Some((Some(member), Command::Shop(ShopCommand::Place(order)))))
    }

    fn pay(&mut self) -> Option<Wish> {
        let (order, deal) = self.deal(|deal| deal.now == Stage::Unpaid)?;
        let pay = PayShopOrder { order, goods: deal.goods };
        Some((self.owner_or_not(deal.member), Command::Shop(ShopCommand::Pay(pay))))
    }

    fn cancel(&mut self) -> Option<Wish> {
        let may = |deal: &Deal| deal.now == Stage::Unpaid || deal.fulfilment() == Some(Fulfilment::Pending);
        let (order, deal) = self.deal(may)?;
        let back_to = self.back_to(order);
        let cancel = CancelShopOrder { order, goods: deal.goods, back_to };
        Some((self.owner_or_not(deal.member), Command::Shop(ShopCommand::Cancel(cancel))))
    }

    fn hand_over(&mut self) -> Option<Wish> {
        let (order, deal) = self.deal(|deal| deal.fulfilment().is_some())?;
        let steps = [Fulfilment::Preparing, Fulfilment::Ready, Fulfilment::Shipped, Fulfilment::Completed];
        let to = self.random.pick(&steps).copied()?;
        Some((self.admin(), Command::Shop(ShopCommand::Step(StepShopOrder { order, goods: deal.goods, to }))))
    }

    fn pay_back(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some((order, deal)) = self.deal(|deal| matches!(deal.now, Stage::Paid { .. })) else { return Ok(None) };
        let back_to = self.back_to(order);
        let reason = Reason::try_from("it was broken".to_owned())?;
        let refund = RefundShopOrder { order, goods: deal.goods, back_to, reason };
        Ok(Some((self.admin(), Command::Shop(ShopCommand::Refund(refund)))))
    }

    /// To WeChat, where the order was paid there.
    fn back_to(&mut self, order: OrderId) -> BackTo {
        let paid = self.books.till.topups().find(|(_, topup)| {
            topup.pays_for == Some(order.get()) && topup.transaction.is_some() && topup.refunded.unwrap_or(0) == 0
        });
        match paid {
            Some((topup, _)) if self.random.percent(70) => {
                let refund_no = format!("REFD{:020}", self.random.next());
                BackTo::Origin { topup: OrderId::new(topup), refund_no }
            }
            _ => BackTo::Balance,
        }
    }

    fn create_product(&mut self) -> Result<Option<Wish>, Unheard> {
        if self.books.shop.wares.len() >= MOST_PRODUCTS {
            return Ok(None);
        }
        let create = CreateProduct {
            name_zh: Title::try_from("rice".to_owned())?,
            name_en: None,
            description: Note::default(),
            price: Price::try_from(self.random.between(0, 1500))?,
            member_limit: self.member_limit()?,
            on_sale: self.random.percent(90),
            stock: self.random.between(0, 6),
        };
        Ok(Some((self.admin(), Command::Shop(ShopCommand::CreateProduct(create)))))
    }

    fn member_limit(&mut self) -> Result<Option<Quantity>, Unheard> {
        let most = self.random.between(1, 4);
        if self.random.percent(50) { Ok(Some(Quantity::try_from(most)?)) } else { Ok(None) }
    }

    fn edit_product(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(product) = self.product() else { return Ok(None) };
        let price = if self.random.percent(50) { Some(Price::try_from(self.random.between(0, 1500))?) } else { None };
        let member_limit = if self.random.percent(30) { Some(self.member_limit()?) } else { None };
        let on_sale = self.random.percent(40).then(|| self.random.percent(75));
        let patch = ProductPatch { price, member_limit, on_sale, ..ProductPatch::default() };
        Ok(Some((self.admin(), Command::Shop(ShopCommand::EditProduct(EditProduct { product, patch })))))
    }

    fn move_stock(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(product) = self.product() else { return Ok(None) };
        let reason = Reason::try_from("counted again".to_owned())?;
        let delta = self.random.between(-4, 4);
        let moved = MoveStock { product, delta, reason };
        Ok(Some((self.admin(), Command::Shop(ShopCommand::MoveStock(moved)))))
    }

    fn create_round(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some(product) = self.product().filter(|_| self.books.shop.raffles.len() < MOST_ROUNDS) else {
            return Ok(None);
        };
        let mut secret = [0; 32];
        for part in secret.chunks_mut(8) {
            part.copy_from_slice(&self.random.next().to_le_bytes());
        }
        let opens_in = if self.random.percent(85) { 0 } else { self.random.between(1, 120) };
        let opens_at = self.now.plus_millis(opens_in * MINUTE_MS);
        let round = CreateRound {
            product,
            shares: self.random.between(1, 6),
            share_price: Price::try_from(self.random.between(0, 700))?,
            member_limit: self.member_limit()?,
            opens_at,
            closes_at: opens_at.plus_millis(self.random.between(0, 400) * MINUTE_MS),
            secret: DrawSecret(secret),
        };
        Ok(Some((self.admin(), Command::Shop(ShopCommand::CreateRound(round)))))
    }

    /// What the job does by itself, by hand.
    fn end_round(&mut self) -> Option<Wish> {
        let rounds: Vec<_> = self.books.shop.raffles.iter().map(|(id, raffle)| (*id, raffle.product)).collect();
        let (round, product) = self.random.pick(&rounds).copied()?;
        let command = match self.random.percent(70) {
            true => ShopCommand::DrawRound(DrawRound { round, product }),
            false => ShopCommand::CloseRound(CloseRound { round, product }),
        };
        Some((self.admin(), Command::Shop(command)))
    }

    fn cancel_round(&mut self) -> Result<Option<Wish>, Unheard> {
        let Some((round, product)) = self.round() else { return Ok(None) };
        let reason = Reason::try_from("called off".to_owned())?;
        let cancel = CancelRound { round, product, reason };
        Ok(Some((self.admin(), Command::Shop(ShopCommand::CancelRound(cancel)))))
    }
}
