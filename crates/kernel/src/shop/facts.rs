use std::collections::{BTreeMap, BTreeSet};

use super::{Product, Round, ShopOrder, ShopStatus, StockMovement, StuckOrder};
use crate::known::known;
use crate::{Instant, MemberId, OrderId, PoolId, ProductId, RoundId, Title};

/// An order as far as limits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub quantity: i64,
    /// Where it is not paid yet.
    pub expires_at: Option<Instant>,
}

impl Claim {
    pub(crate) fn stands_at(&self, now: Instant) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

pub type Claims = BTreeMap<OrderId, Claim>;

known! {
    /// The shop's part of what a batch depends on.
    ShopFacts,
    /// Which of the shop's rows to read; their pools and holds are named beside them.
    ShopNeeds;

    tables {
        products: ProductId => Product,
        rounds: RoundId => Round,
        orders: OrderId => ShopOrder,
        stuck: OrderId => StuckOrder,
    }
    look_ups {
        /// The products that have a Chinese name.
        products_by_name: Title => BTreeSet<ProductId>, by product_names,
        /// A round's orders that are paid and have shares in it.
        round_orders: RoundId => BTreeSet<OrderId>,
            by /** Each loads the orders themselves and their holds on the round's pool as well. */ round_orders,
        /// A member's orders for a product's pieces or a round's shares that stand, prizes left out.
        bought: (PoolId, MemberId) => Claims, by bought,
    }
    last tables {}
    last look_ups {
        /// A member's unpaid orders. The lock of the member's wallet guards them.
        unpaid: MemberId => Claims, by unpaid,
    }
    parts {}
    besides {
        movements: Vec<StockMovement>,
    }
}

impl ShopFacts {
    pub(crate) fn apply_product(&mut self, product: Product) {
        if let Some(before) = self.products.found(&product.id)
            && let Some(same) = self.products_by_name.found_mut(&before.name_zh)
        {
            same.remove(&product.id);
        }
        if let Some(same) = self.products_by_name.found_mut(&product.name_zh) {
            same.insert(product.id);
        }
        self.products.set(product.id, product);
    }

    pub(crate) fn apply_order(&mut self, order: ShopOrder) {
        let claim = Claim { quantity: order.quantity.get(), expires_at: order.expires_at() };
        let keep = |claims: Option<&mut Claims>, stands: bool| {
            if let Some(claims) = claims {
                if stands {
                    claims.insert(order.id, claim);
                } else {
                    claims.remove(&order.id);
                }
            }
        };
        let is_prize = matches!(order.goods, super::Goods::Prize { .. });
        for pool in order.goods.pools().filter(|_| !is_prize) {
            keep(self.bought.found_mut(&(pool, order.member)), order.stands());
        }
        keep(self.unpaid.found_mut(&order.member), order.expires_at().is_some());
        if let Some(round) = order.goods.shares()
            && let Some(orders) = self.round_orders.found_mut(&round)
        {
            let has_shares = matches!(order.status(), ShopStatus::Paid | ShopStatus::Completed);
            if has_shares && !order.share_numbers.is_empty() {
                orders.insert(order.id);
            } else {
                orders.remove(&order.id);
            }
        }
        self.orders.set(order.id, order);
    }
}
