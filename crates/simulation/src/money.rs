//! What people and administrators do about money at WeChat: top up, pay, look, have it given back.

use futures_util::future::join_all;
use kernel::{Actor, Command, MemberId, OrderId, PayClient, Price, Reason, Refund, Refusal, Rights, Topup};
use service::{Failure, IdempotencyKey, Payer, Request, Service};
use store::AnswerKey;
use store::queries::{shop, topups};

use crate::books::{Books, Deal, Stage, Wrong};
use crate::random::Random;

/// What somebody wants done, under a key where it has one.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    TopUp {
        key: u64,
        member: MemberId,
        amount: Price,
        client: PayClient,
    },
    /// Another attempt at the same order.
    PayAgain {
        key: u64,
        topup: OrderId,
    },
    /// Looks what became of it.
    Look {
        topup: OrderId,
    },
    /// Makes a shop order payable at WeChat.
    PayAtWechat {
        key: u64,
        order: OrderId,
        client: PayClient,
    },
    /// Looks what became of a shop order's payments, or closes them.
    LookInShop {
        order: OrderId,
        closes: bool,
    },
    GiveBack {
        key: u64,
        topup: OrderId,
        amount: Price,
        reason: Reason,
    },
}

/// How it was answered.
#[derive(Debug)]
pub(crate) enum Done {
    Topup(Topup),
    Payment(Topup),
    Refund(#[expect(dead_code, reason = "it is written down as it was answered")] Box<Refund>),
    /// There is nothing to do it with.
    Nothing,
}

const AMOUNTS: [i64; 3] = [100, 1500, 4000];

impl Errand {
    /// What somebody might want now.
    pub(crate) fn draw(random: &mut Random, books: &Books, next_key: &mut u64) -> Result<Option<Self>, Wrong> {
        if let Some(errand) = Self::draw_in_shop(random, books, next_key) {
            return Ok(Some(errand));
        }
        // What pays for a shop order goes back by that order.
        let topups = books.till.topups().filter(|(_, topup)| topup.pays_for.is_none());
        let known: Vec<(i64, i64, String)> =
            topups.map(|(id, topup)| (id, topup.amount, topup.status.clone())).collect();
        let mut key = || {
            *next_key += 1;
            *next_key
        };
        let price = |cents: i64| Price::try_from(cents).map_err(|error| format!("no amount: {error}"));
        let of = |known: Option<&(i64, i64, String)>| known.map(|(id, amount, _)| (OrderId::new(*id), *amount));
        Ok(match random.below(10) {
            0..=4 => {
                let people: Vec<MemberId> = books.people.keys().copied().collect();
                let Some(member) = random.pick(&people).copied() else { return Ok(None) };
                let cents = match random.percent(60) {
                    true => random.pick(&AMOUNTS).copied().unwrap_or(100),
                    false => random.between(90, 5000),
                };
                let client = if random.percent(50) { PayClient::Native } else { PayClient::H5 };
                Some(Self::TopUp { key: key(), member, amount: price(cents)?, client })
            }
            5 => of(random.pick(&known)).map(|(topup, _)| Self::PayAgain { key: key(), topup }),
            6..=7 => of(random.pick(&known)).map(|(topup, _)| Self::Look { topup }),
            _ => {
                let paid: Vec<_> = known.iter().filter(|(_, _, status)| status == "paid").cloned().collect();
                let from = if random.percent(90) { &paid } else { &known };
                let Some((topup, amount)) = of(random.pick(from)) else { return Ok(None) };
                let cents = if random.percent(40) { amount } else { random.between(1, amount + 50) };
                let reason =
                    Reason::try_from("wanted back".to_owned()).map_err(|error| format!("no reason: {error}"))?;
                Some(Self::GiveBack { key: key(), topup, amount: price(cents)?, reason })
            }
        })
    }

    fn draw_in_shop(random: &mut Random, books: &Books, next_key: &mut u64) -> Option<Self> {
        let is_unpaid = |deal: &Deal| deal.now == Stage::Unpaid;
        let mut known: Vec<OrderId> = books.shop.deals.keys().copied().collect();
        if known.is_empty() || random.percent(30) {
            return None;
        }
        if random.percent(85) {
            known.retain(|order| books.shop.deals.get(order).is_some_and(is_unpaid));
        }
        let order = random.pick(&known).copied()?;
        if random.percent(75) {
            *next_key += 1;
            let client = if random.percent(70) { PayClient::Native } else { PayClient::H5 };
            return Some(Self::PayAtWechat { key: *next_key, order, client });
        }
        Some(Self::LookInShop { order, closes: random.percent(40) })
    }

    /// Who asks, with the key; nobody where it changes nothing by itself.
    pub(crate) fn topped_up(&self) -> Option<(u64, MemberId, Price)> {
        match self {
            Self::TopUp { key, member, amount, .. } => Some((*key, *member, *amount)),
            _ => None,
        }
    }

    /// Whether it is asked again, under its key, until somebody knows what became of it.
    pub(crate) fn is_asked_again(&self) -> bool {
        !matches!(self, Self::Look { .. } | Self::LookInShop { .. })
    }

    pub(crate) async fn run(&self, service: &Service) -> Result<Done, Failure> {
        let address = [127, 0, 0, 1].into();
        match self {
            Self::TopUp { key, member, amount, client } => {
                let payer = Payer { member: *member, client: *client, address };
                let asked = |command| request(command, Some(*member), *key, &format!("{amount:?}"));
                service.create_topup(payer, *amount, asked).await.map(|(topup, _)| Done::Topup(topup))
            }
            Self::PayAgain { key, topup } => {
                let Some(topup) = topups::one(service.store(), *topup).await? else { return Ok(Done::Nothing) };
                let payer = Payer { member: topup.member, client: topup.client, address };
                let asked = |command| request(command, Some(topup.member), *key, &format!("{:?}", topup.id));
                service.pay_topup(payer, &topup, asked).await.map(|(topup, _)| Done::Topup(topup))
            }
            Self::Look { topup } => match topups::one(service.store(), *topup).await? {
                Some(topup) => service.query_topup(&topup).await.map(Done::Topup),
                None => Ok(Done::Nothing),
            },
            Self::PayAtWechat { key, order, client } => {
                let Some(order) = shop::one(service.store(), *order).await? else { return Ok(Done::Nothing) };
                let payer = Payer { member: order.member, client: *client, address };
                let asked = |command| request(command, Some(order.member), *key, &format!("{:?}", order.id));
                service.pay_shop_order(payer, &order, asked).await.map(|(topup, _)| Done::Payment(topup))
            }
            Self::LookInShop { order, closes: false } => service.query_shop_order(*order).await.map(|()| Done::Nothing),
            Self::LookInShop { order, closes: true } => service.close_payments(*order).await.map(|()| Done::Nothing),
            Self::GiveBack { key, topup, amount, reason } => {
                let Some(topup) = topups::one(service.store(), *topup).await? else { return Ok(Done::Nothing) };
                let asked = |command| request(command, None, *key, &format!("{:?} {amount:?}", topup.id));
                let given = service.refund_topup(&topup, *amount, reason.clone(), asked).await;
                given.map(|(refund, ..)| Done::Refund(Box::new(refund)))
            }
        }
    }
}

fn request(command: Command, by: Option<MemberId>, key: u64, what: &str) -> Request {
    let key = AnswerKey { caller: by.unwrap_or(MemberId::new(0)), key: format!("errand-{key}") };
    let mut request_hash = [0; 32];
    for (at, byte) in what.bytes().enumerate() {
        request_hash[at % 32] ^= byte;
    }
    Request {
        command,
        actor: Actor { member: by, rights: Rights::default().into() },
        key: Some(IdempotencyKey { key, request_hash }),
        dry_run: false,
    }
}

/// All at once.
pub(crate) async fn run_all(errands: &[Errand], service: &Service) -> Vec<Result<Done, Failure>> {
    join_all(errands.iter().map(|errand| errand.run(service))).await
}

/// Whether somebody who hears this knows what became of what they wanted.
pub(crate) fn is_known(result: &Result<Done, Failure>) -> bool {
    match result {
        Ok(_) | Err(Failure::Refused(_) | Failure::Provider { .. }) => true,
        Err(_) => false,
    }
}

/// Whether a refusal gives a reason that there may be; the balances and states of the moment are compared as they are stored.
pub(crate) fn is_explained(errand: &Errand, refusal: &Refusal, books: &Books) -> bool {
    match (errand, refusal) {
        (Errand::TopUp { amount, .. }, Refusal::TopupOutOfLimits { least, .. }) => amount.cents() < *least,
        (Errand::TopUp { member, .. }, Refusal::MemberDisabled) => {
            books.people.get(member).is_some_and(|person| person.status == kernel::MemberStatus::Disabled)
        }
        (
            Errand::PayAtWechat { .. },
            Refusal::ShopOrderOver { .. }
            | Refusal::PaymentTooLate { .. }
            | Refusal::RoundNotOpen { .. }
            | Refusal::RoundNotBegun { .. }
            | Refusal::RoundOver { .. }
            | Refusal::TopupNotPayable { .. },
        ) => true,
        (Errand::PayAgain { .. }, Refusal::TopupNotPayable { .. }) => true,
        (
            Errand::GiveBack { .. },
            Refusal::TopupNotRefundable { .. } | Refusal::RefundTooLarge { .. } | Refusal::InsufficientBalance { .. },
        ) => true,
        _ => false,
    }
}
