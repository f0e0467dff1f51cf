//! The shop: products, rounds, orders and their deadlines; what must hold of the books is checked after every command.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    BackTo, BeginShopPayment, CancelRound, CancelShopOrder, Cents, CloseRound, Code, Command, CreateProduct,
    CreateRound, Delivery, DrawRound, DrawSecret, EditProduct, ExpireShopOrders, Fulfilment, Goods, HoldState,
    MemberId, MoveStock, Note, NoteStuckOrder, Noun, OrderId, Outcome, Overdraft, PayClient, PayShopOrder, PayWith,
    PaymentSource, PaysFor, PlaceShopOrder, Product, ProductId, ProductPatch, Quantity, Reason, RefundShopOrder,
    Refusal, Round, RoundId, RoundState, RoundStatus, SettlePayment, Settled, ShareOwner, ShopCommand, ShopOrder,
    ShopOrderState, StepShopOrder, Topup, draw,
};
use support::{Answer, Asked, Database, House, Ids, actor, check_books};

const MINUTE: i64 = 60_000;

struct World {
    database: Database,
    ids: Ids,
    house: House,
}

fn reason() -> Reason {
    Reason::try_from("because".to_owned()).expect("a reason")
}

fn quantity(count: i64) -> Quantity {
    Quantity::try_from(count).expect("a quantity")
}

impl World {
    fn new() -> Self {
        let now = "2026-03-02T01:00:00Z".parse().expect("an instant");
        Self {
            database: Database::new(),
            ids: Ids::default(),
            house: House { now, overdraft_limit: Some(Overdraft::NONE), cabinet: kernel::CabinetRules::default() },
        }
    }

    fn run(&mut self, by: Option<MemberId>, commands: Vec<ShopCommand>) -> Vec<Answer> {
        let batch = commands.into_iter().map(|command| Asked { command: Command::Shop(command), actor: actor(by) });
        let mut answers = Vec::new();
        let batch: Vec<_> = batch.collect();
        support::run(&mut self.database, &mut self.ids, &self.house, &batch, |_, answer, _| {
            answers.push(answer.clone())
        });
        check_books(&self.database);
        answers
    }

    fn one(&mut self, by: Option<MemberId>, command: ShopCommand) -> Answer {
        self.run(by, vec![command]).remove(0)
    }

    fn later(&mut self, ms: i64) {
        self.house.now = self.house.now.plus_millis(ms);
    }

    fn member(&mut self, balance: i64) -> MemberId {
        let id = MemberId::new(self.ids.0 + 1);
        self.ids.0 += 1;
        let profile = kernel::Profile { uid: format!("uid-{id}"), nickname: format!("member {id}") };
        let add = Command::AddMember(kernel::AddMember {
            profile,
            account: None,
            password_hash: None,
            openid: None,
            department: None,
            overdraft_limit: None,
            grants: Vec::new(),
        });
        let mut member = None;
        let batch = [Asked { command: add, actor: actor(None) }];
        support::run(&mut self.database, &mut self.ids, &self.house, &batch, |_, answer, _| {
            if let Ok(Outcome::Member { member: made }) = answer {
                member = Some(made.clone());
            }
        });
        let member = member.expect("a member");
        self.database.open_balance(member.wallet(), balance, &mut self.ids);
        member.id
    }

    fn product(&mut self, price: i64, stock: i64, limit: Option<i64>) -> ProductId {
        let command = ShopCommand::CreateProduct(CreateProduct {
            name_zh: "米".to_owned().try_into().expect("a name"),
            name_en: None,
            description: Note::default(),
            price: price.try_into().expect("a price"),
            member_limit: limit.map(quantity),
            on_sale: true,
            stock,
        });
        match self.one(None, command) {
            Ok(Outcome::Product(made)) => made.product.id,
            other => panic!("{other:?}"),
        }
    }

    fn round(&mut self, product: ProductId, shares: i64, price: i64) -> Result<RoundId, Refusal> {
        self.round_of(product, shares, price, DrawSecret([7; 32]))
    }

    fn round_of(
        &mut self,
        product: ProductId,
        shares: i64,
        price: i64,
        secret: DrawSecret,
    ) -> Result<RoundId, Refusal> {
        let command = ShopCommand::CreateRound(CreateRound {
            product,
            shares,
            share_price: price.try_into().expect("a price"),
            member_limit: None,
            opens_at: self.house.now,
            closes_at: self.house.now.plus_millis(60 * MINUTE),
            secret,
        });
        match self.one(None, command)? {
            Outcome::Round(made) => Ok(made.round.id),
            other => panic!("{other:?}"),
        }
    }

    fn place(&mut self, member: MemberId, goods: Goods, count: i64, pay_with: PayWith) -> Result<ShopOrder, Refusal> {
        order_of(self.one(Some(member), place(member, goods, count, pay_with)))
    }

    fn begin_payment(&mut self, order: &ShopOrder) -> Result<Topup, Refusal> {
        let command = ShopCommand::BeginPayment(BeginShopPayment {
            order: order.id,
            goods: order.goods,
            order_no: format!("SPAY{}", self.ids.0),
            client: PayClient::Native,
            first_check_at: self.house.now.plus_millis(5 * MINUTE),
        });
        match self.one(Some(order.member), command)? {
            Outcome::Topup { topup, .. } => Ok(topup),
            other => panic!("{other:?}"),
        }
    }

    fn settle(&mut self, order: &ShopOrder, topup: &Topup, transaction: &str, cents: i64) -> Settled {
        let refund_no = format!("REFD{transaction}");
        let command = Command::SettlePayment(SettlePayment {
            order_no: topup.order_no.clone(),
            topup: Some(topup.id),
            transaction_id: transaction.to_owned(),
            total: Cents::new(cents),
            currency: "CNY".to_owned(),
            paid_at: self.house.now,
            source: PaymentSource::Callback,
            pays_for: Some(PaysFor { order: order.id, goods: order.goods, refund_no }),
        });
        let mut settled = None;
        let batch = [Asked { command, actor: actor(None) }];
        support::run(&mut self.database, &mut self.ids, &self.house, &batch, |_, answer, _| match answer {
            Ok(Outcome::Settled { settled: came, .. }) => settled = Some(*came),
            other => panic!("{other:?}"),
        });
        check_books(&self.database);
        settled.expect("an answer")
    }

    fn topup(&self, id: OrderId) -> &Topup {
        &self.database.topups[&id].0
    }

    fn order(&self, id: OrderId) -> &ShopOrder {
        &self.database.shop_orders[&id].0
    }

    fn left(&self, pool: impl Into<kernel::PoolId>) -> i64 {
        self.database.pools[&pool.into()].0.available()
    }

    fn wallet(&self, member: MemberId) -> i64 {
        self.database.balance(self.database.members[&member].0.wallet())
    }

    fn round_row(&self, round: RoundId) -> &Round {
        &self.database.rounds[&round].0
    }

    fn expire(&mut self, orders: &[&ShopOrder]) -> Vec<OrderId> {
        let orders = orders.iter().map(|order| (order.id, order.goods)).collect();
        match self.one(None, ShopCommand::Expire(ExpireShopOrders { orders })) {
            Ok(Outcome::Expired { released }) => released,
            other => panic!("{other:?}"),
        }
    }
}

fn place(member: MemberId, goods: Goods, count: i64, pay_with: PayWith) -> ShopCommand {
    let (quantity, notes) = (quantity(count), Note::default());
    ShopCommand::Place(PlaceShopOrder { member, goods, quantity, pay_with, delivery: Delivery::PickUp, notes })
}

fn order_of(answer: Answer) -> Result<ShopOrder, Refusal> {
    match answer? {
        Outcome::ShopOrder(outcome) => Ok(outcome.order),
        other => panic!("{other:?}"),
    }
}

fn pay(order: &ShopOrder) -> ShopCommand {
    ShopCommand::Pay(PayShopOrder { order: order.id, goods: order.goods })
}

fn code(answer: Result<ShopOrder, Refusal>) -> Code {
    answer.expect_err("a refusal").code()
}

#[test]
fn the_last_piece_goes_to_one_of_two() {
    let mut world = World::new();
    let (li, wang) = (world.member(10_000), world.member(10_000));
    let rice = world.product(1500, 1, None);
    let goods = Goods::Pieces { product: rice };
    let batch = vec![place(li, goods, 1, PayWith::Balance), place(wang, goods, 1, PayWith::Balance)];
    let answers = world.run(None, batch);
    let bought = order_of(answers[0].clone()).expect("bought");
    assert_eq!(
        (bought.status().as_str(), bought.payment_status(), bought.fulfilment_status()),
        ("paid", "paid", "pending")
    );
    assert_eq!(answers[1], Err(Refusal::OutOfStock { asked: 1, left: 0 }));
    assert_eq!((world.wallet(li), world.wallet(wang), world.left(rice)), (8500, 10_000, 0));
}

#[test]
fn an_unpaid_order_lapses_on_the_very_millisecond() {
    let mut world = World::new();
    let (li, wang) = (world.member(10_000), world.member(10_000));
    let rice = world.product(1500, 1, None);
    let goods = Goods::Pieces { product: rice };
    let unpaid = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    assert_eq!(
        (unpaid.status().as_str(), unpaid.payment_status(), unpaid.fulfilment_status()),
        ("pending", "pending", "pending")
    );
    assert_eq!(unpaid.expires_at(), Some(world.house.now.plus_millis(30 * MINUTE)));
    world.later(30 * MINUTE - 1);
    assert_eq!(code(world.place(wang, goods, 1, PayWith::Balance)), Code::OutOfStock);
    world.later(1);
    let too_late = order_of(world.one(Some(li), pay(&unpaid)));
    assert_eq!(too_late, Err(Refusal::PaymentTooLate { since: world.house.now }));
    // No job has run, and still the piece is the next buyer's.
    world.place(wang, goods, 1, PayWith::Balance).expect("bought");
    assert_eq!(world.expire(&[&unpaid]), [unpaid.id]);
    let expired = world.order(unpaid.id).clone();
    let said = (expired.status().as_str(), expired.payment_status(), expired.fulfilment_status());
    assert_eq!(said, ("expired", "cancelled", "cancelled"));
    assert_eq!(expired.notes.as_str(), format!("[系统] 订单超时已过期 - {}", world.house.now));
    assert_eq!(world.left(rice), 0, "the piece is not given back twice");
    assert_eq!(world.expire(&[&unpaid]), [], "and the order does not expire twice");
}

#[test]
fn paying_in_time_takes_the_deadline_off() {
    let mut world = World::new();
    let li = world.member(1500);
    let rice = world.product(1500, 1, None);
    let unpaid = world.place(li, Goods::Pieces { product: rice }, 1, PayWith::Wechat).expect("held");
    world.later(30 * MINUTE - 1);
    order_of(world.one(Some(li), pay(&unpaid))).expect("paid");
    world.later(1);
    assert_eq!(world.expire(&[&unpaid]), []);
    assert_eq!(world.left(rice), 0);
    assert_eq!(world.wallet(li), 0);
    let again = order_of(world.one(Some(li), pay(&unpaid)));
    assert_eq!(code(again), Code::InvalidStatusTransition);
}

#[test]
fn money_that_comes_late_buys_what_is_left_or_goes_back() {
    let mut world = World::new();
    let (li, wang) = (world.member(0), world.member(10_000));
    let rice = world.product(1500, 2, None);
    let goods = Goods::Pieces { product: rice };
    let in_time = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    let payment = world.begin_payment(&in_time).expect("payable");
    assert_eq!((payment.amount, payment.expires_at), (Cents::new(1500), in_time.expires_at().expect("a deadline")));
    assert_eq!(world.settle(&in_time, &payment, "4200001", 1500), Settled::Credited);
    assert_eq!(world.settle(&in_time, &payment, "4200001", 1500), Settled::Already);
    assert_eq!((world.order(in_time.id).status().as_str(), world.wallet(li)), ("paid", 0));
    assert_eq!(world.begin_payment(&in_time).expect_err("over").code(), Code::InvalidStatusTransition);

    let late = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    let payment = world.begin_payment(&late).expect("payable");
    world.later(30 * MINUTE);
    assert_eq!(world.expire(&[&late]), [late.id]);
    assert_eq!(world.settle(&late, &payment, "4200002", 1500), Settled::Credited);
    assert_eq!((world.order(late.id).status().as_str(), world.left(rice), world.wallet(li)), ("paid", 0, 0));
    let origin = BackTo::Origin { topup: payment.id, refund_no: "R1".to_owned() };
    let refund = RefundShopOrder { order: late.id, goods, back_to: origin.clone(), reason: reason() };
    world.one(None, ShopCommand::Refund(refund)).expect("refunded");
    assert_eq!((world.wallet(li), world.left(rice)), (0, 1));
    assert_eq!(world.topup(payment.id).status().as_str(), "refunding");

    let too_late = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    let payment = world.begin_payment(&too_late).expect("payable");
    world.later(30 * MINUTE);
    world.place(wang, goods, 1, PayWith::Balance).expect("bought");
    assert_eq!(world.settle(&too_late, &payment, "4200003", 1500), Settled::Credited);
    let returned = world.order(too_late.id).clone();
    assert_eq!((returned.status().as_str(), returned.payment_status()), ("refunded", "refunded"));
    assert!(
        returned.notes.as_str().starts_with("[系统] 支付到账时订单已失效，15.00 元原路退回"),
        "{}",
        returned.notes.as_str()
    );
    assert_eq!(world.settle(&too_late, &payment, "4200003", 1500), Settled::Already);
    assert_eq!((world.wallet(li), world.left(rice)), (0, 0));
    assert_eq!(world.expire(&[&too_late]), []);
    let owed: Vec<_> = world.database.outbox.iter().map(|message| message.topic).collect();
    assert_eq!(owed, ["wechat-refund", "wechat-refund"]);
}

#[test]
fn money_that_comes_late_buys_no_more_than_its_member_may_have() {
    let mut world = World::new();
    let li = world.member(10_000);
    let rice = world.product(1500, 9, Some(2));
    let goods = Goods::Pieces { product: rice };
    let late = world.place(li, goods, 2, PayWith::Wechat).expect("held");
    let payment = world.begin_payment(&late).expect("payable");
    world.later(30 * MINUTE);
    world.place(li, goods, 1, PayWith::Balance).expect("what has lapsed does not count");
    assert_eq!(world.settle(&late, &payment, "4200001", 3000), Settled::Credited);
    assert_eq!((world.order(late.id).status().as_str(), world.left(rice), world.wallet(li)), ("refunded", 8, 8500));

    let allowed = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    let payment = world.begin_payment(&allowed).expect("payable");
    world.later(30 * MINUTE);
    assert_eq!(world.settle(&allowed, &payment, "4200002", 1500), Settled::Credited);
    assert_eq!((world.order(allowed.id).status().as_str(), world.left(rice)), ("paid", 7));
}

#[test]
fn what_a_clock_that_was_ahead_gave_to_somebody_else_is_not_paid_for() {
    let mut world = World::new();
    let (li, wang) = (world.member(10_000), world.member(10_000));
    let rice = world.product(1500, 1, None);
    let goods = Goods::Pieces { product: rice };
    let unpaid = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    world.later(30 * MINUTE);
    world.place(wang, goods, 1, PayWith::Balance).expect("bought");
    world.later(-MINUTE);
    let too_late = Refusal::PaymentTooLate { since: unpaid.expires_at().expect("a deadline") };
    let pay = ShopCommand::Pay(PayShopOrder { order: unpaid.id, goods });
    assert_eq!(world.one(Some(li), pay).expect_err("it is gone"), too_late);
    assert_eq!(world.begin_payment(&unpaid).expect_err("it is gone"), too_late);
    assert_eq!((world.left(rice), world.wallet(li)), (0, 10_000));
}

#[test]
fn only_the_asked_amount_pays_for_an_order_and_a_second_payment_goes_back() {
    let mut world = World::new();
    let li = world.member(5000);
    let rice = world.product(1500, 9, None);
    let goods = Goods::Pieces { product: rice };
    let order = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    let (one, other) =
        (world.begin_payment(&order).expect("payable"), world.begin_payment(&order).expect("payable elsewhere"));
    assert_eq!(world.settle(&order, &one, "4200001", 1499), Settled::Parked);
    assert_eq!((world.order(order.id).status().as_str(), world.wallet(li)), ("pending", 5000));
    order_of(world.one(Some(li), pay(&order))).expect("paid from the balance");
    assert_eq!(world.settle(&order, &other, "4200002", 1500), Settled::Credited);
    let paid = world.order(order.id);
    assert_eq!((paid.status().as_str(), world.wallet(li)), ("paid", 3500));
    assert!(paid.notes.as_str().starts_with("[系统] 订单已支付过，15.00 元原路退回"), "{}", paid.notes.as_str());
    assert_eq!(world.topup(other.id).status().as_str(), "refunding");
    assert_eq!(world.settle(&order, &one, "4200002", 1500), Settled::Parked, "a payment counts once");

    // What was paid for another order cannot be sent back for this one.
    let plain = world.place(li, goods, 1, PayWith::Balance).expect("bought");
    let back_to = BackTo::Origin { topup: other.id, refund_no: "R9".to_owned() };
    let refund = RefundShopOrder { order: plain.id, goods, back_to: back_to.clone(), reason: reason() };
    assert_eq!(world.one(None, ShopCommand::Refund(refund)), Err(Refusal::NotFound { noun: Noun::Topup }));
    let cancelled = CancelShopOrder { order: order.id, goods, back_to };
    let refused = world.one(Some(li), ShopCommand::Cancel(cancelled));
    assert!(matches!(refused, Err(Refusal::TopupNotRefundable { .. })), "{refused:?}");
}

#[test]
fn a_cancelled_order_gives_money_back_that_comes_all_the_same() {
    let mut world = World::new();
    let li = world.member(0);
    let rice = world.product(1500, 1, None);
    let goods = Goods::Pieces { product: rice };
    let order = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    let payment = world.begin_payment(&order).expect("payable");
    let cancel = CancelShopOrder { order: order.id, goods, back_to: BackTo::Balance };
    order_of(world.one(Some(li), ShopCommand::Cancel(cancel))).expect("cancelled");
    assert_eq!(world.settle(&order, &payment, "4200001", 1500), Settled::Credited);
    assert_eq!((world.order(order.id).status().as_str(), world.wallet(li), world.left(rice)), ("refunded", 0, 1));

    // Within the last minute WeChat would not take it.
    let order = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    world.later(29 * MINUTE);
    let since = world.house.now;
    assert_eq!(world.begin_payment(&order), Err(Refusal::PaymentTooLate { since }));
}

#[test]
fn nobody_holds_the_stock_without_paying() {
    let mut world = World::new();
    let li = world.member(10_000);
    let goods = Goods::Pieces { product: world.product(100, 10, None) };
    let batch = (0..4).map(|_| place(li, goods, 1, PayWith::Wechat)).collect();
    let answers = world.run(Some(li), batch);
    assert!(answers[..3].iter().all(Result::is_ok));
    assert_eq!(answers[3], Err(Refusal::TooManyUnpaid { most: 3 }));
    world.place(li, goods, 1, PayWith::Balance).expect("what is paid at once holds nothing up");
    let first = order_of(answers[0].clone()).expect("held");
    order_of(
        world.one(Some(li), ShopCommand::Cancel(CancelShopOrder { order: first.id, goods, back_to: BackTo::Balance })),
    )
    .expect("cancelled");
    world.place(li, goods, 1, PayWith::Wechat).expect("a place is free");
    assert_eq!(code(world.place(li, goods, 1, PayWith::Wechat)), Code::UnpaidOrderExists);
    world.later(30 * MINUTE);
    world.place(li, goods, 1, PayWith::Wechat).expect("the others are past their deadline");
}

#[test]
fn a_limit_counts_what_stands() {
    let mut world = World::new();
    let li = world.member(10_000);
    let goods = Goods::Pieces { product: world.product(100, 100, Some(5)) };
    let first = world.place(li, goods, 3, PayWith::Balance).expect("bought");
    let unpaid = world.place(li, goods, 2, PayWith::Wechat).expect("held");
    let refused = world.place(li, goods, 1, PayWith::Balance);
    assert_eq!(refused, Err(Refusal::LimitReached { limit: 5, bought: 5, asked: 1 }));
    world.later(30 * MINUTE);
    world.place(li, goods, 2, PayWith::Balance).expect("what has lapsed does not count");
    let refund = RefundShopOrder { order: first.id, goods, back_to: BackTo::Balance, reason: reason() };
    world.one(None, ShopCommand::Refund(refund)).expect("refunded");
    world.place(li, goods, 3, PayWith::Balance).expect("what was given back does not count");
    assert_eq!(world.expire(&[&unpaid]), [unpaid.id]);
}

#[test]
fn stock_moves_with_a_reason_and_never_below_what_is_taken() {
    let mut world = World::new();
    let li = world.member(10_000);
    let rice = world.product(100, 5, None);
    world.place(li, Goods::Pieces { product: rice }, 3, PayWith::Wechat).expect("held");
    let move_by = |delta| ShopCommand::MoveStock(MoveStock { product: rice, delta, reason: reason() });
    assert_eq!(world.one(None, move_by(-3)), Err(Refusal::OutOfStock { asked: 3, left: 2 }));
    world.one(None, move_by(-2)).expect("moved");
    world.one(None, move_by(7)).expect("moved");
    assert_eq!(world.one(None, move_by(0)), Err(Refusal::AmountZero));
    assert!(world.one(None, move_by(Product::MOST_MOVED + 1)).is_err());
    assert_eq!(world.left(rice), 7);
    world.later(30 * MINUTE);
    world.one(None, move_by(-10)).expect("what has lapsed is no obstacle");
    assert_eq!((world.left(rice), world.database.stock_movements.len()), (0, 4));
}

#[test]
fn a_product_off_sale_keeps_its_orders_and_takes_no_new_ones() {
    let mut world = World::new();
    let li = world.member(10_000);
    let rice = world.product(100, 5, None);
    let goods = Goods::Pieces { product: rice };
    let unpaid = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    let patch =
        ProductPatch { on_sale: Some(false), price: Some(900.try_into().expect("a price")), ..ProductPatch::default() };
    world.one(None, ShopCommand::EditProduct(EditProduct { product: rice, patch })).expect("edited");
    assert_eq!(world.place(li, goods, 1, PayWith::Balance), Err(Refusal::NotOnSale));
    let paid = order_of(world.one(Some(li), pay(&unpaid))).expect("paid");
    assert_eq!(paid.total, Cents::new(100), "at the price of its time");
}

#[test]
fn what_was_handed_over_does_not_come_back_into_the_stock() {
    let mut world = World::new();
    let li = world.member(10_000);
    let rice = world.product(100, 5, None);
    let goods = Goods::Pieces { product: rice };
    let (kept, given) = (world.place(li, goods, 1, PayWith::Balance), world.place(li, goods, 2, PayWith::Balance));
    let (kept, given) = (kept.expect("bought"), given.expect("bought"));
    let step = |order: &ShopOrder, to| ShopCommand::Step(StepShopOrder { order: order.id, goods, to });
    order_of(world.one(None, step(&given, Fulfilment::Preparing))).expect("stepped");
    let cancelled =
        world.one(Some(li), ShopCommand::Cancel(CancelShopOrder { order: given.id, goods, back_to: BackTo::Balance }));
    assert_eq!(cancelled, Err(Refusal::FulfilmentStep { from: Fulfilment::Preparing, to: None }));
    assert!(world.one(None, step(&given, Fulfilment::Shipped)).is_err(), "nobody ships what is picked up");
    let done = order_of(world.one(None, step(&given, Fulfilment::Completed))).expect("stepped");
    assert_eq!(done.status().as_str(), "completed");
    assert_eq!(world.database.holds[&(given.id, rice.into())].0.state, HoldState::Consumed);
    for order in [&kept, &given] {
        let refund = RefundShopOrder { order: order.id, goods, back_to: BackTo::Balance, reason: reason() };
        world.one(None, ShopCommand::Refund(refund)).expect("refunded");
    }
    assert_eq!((world.left(rice), world.wallet(li)), (3, 10_000));
    assert_eq!(world.order(given.id).fulfilment_status(), "completed");
    assert_eq!(world.order(kept.id).fulfilment_status(), "cancelled");
}

#[test]
fn a_round_sells_numbered_shares_and_is_drawn_once() {
    let mut world = World::new();
    let (li, wang) = (world.member(10_000), world.member(10_000));
    let rice = world.product(1500, 1, None);
    let round = world.round(rice, 4, 500).expect("made");
    assert_eq!(world.left(rice), 0, "the prize is kept from the beginning");
    assert_eq!(world.round(rice, 4, 500), Err(Refusal::OutOfStock { asked: 1, left: 0 }));
    let goods = Goods::Shares { round };
    let unpaid = world.place(wang, goods, 1, PayWith::Wechat).expect("held");
    assert!(unpaid.share_numbers.is_empty());
    let first = world.place(li, goods, 2, PayWith::Balance).expect("bought");
    assert_eq!(first.share_numbers, [1, 2]);
    assert_eq!(first.fulfilment_status(), "not_needed");
    let cancelled =
        world.one(Some(li), ShopCommand::Cancel(CancelShopOrder { order: first.id, goods, back_to: BackTo::Balance }));
    assert_eq!(cancelled, Err(Refusal::SharesKept));
    let third = world.place(wang, goods, 1, PayWith::Balance).expect("bought");
    assert_eq!(code(world.place(li, goods, 1, PayWith::Balance)), Code::OutOfStock);
    // A refund frees its numbers, and the lowest are given again.
    let refund = RefundShopOrder { order: first.id, goods, back_to: BackTo::Balance, reason: reason() };
    world.one(None, ShopCommand::Refund(refund)).expect("refunded");
    let paid = order_of(world.one(Some(wang), pay(&unpaid))).expect("paid");
    assert_eq!((paid.share_numbers, &third.share_numbers), (vec![1], &vec![3]));
    let draw_it = ShopCommand::DrawRound(DrawRound { round, product: rice });
    let early = world.one(None, draw_it.clone());
    assert_eq!(early, Err(Refusal::RoundStep { from: RoundStatus::Open, to: RoundStatus::Drawn }));
    let last = world.place(li, goods, 2, PayWith::Balance).expect("bought");
    assert_eq!(last.share_numbers, [2, 4]);
    assert_eq!(world.round_row(round).status(), RoundStatus::SoldOut);
    assert!(
        world
            .one(
                None,
                ShopCommand::Refund(RefundShopOrder {
                    order: last.id,
                    goods,
                    back_to: BackTo::Balance,
                    reason: reason()
                })
            )
            .is_err()
    );

    world.one(None, draw_it.clone()).expect("drawn");
    let again = world.one(None, draw_it);
    assert_eq!(again, Err(Refusal::RoundStep { from: RoundStatus::Drawn, to: RoundStatus::Drawn }));
    let sold = [(1, &unpaid), (2, &last), (3, &third), (4, &last)];
    let shares = sold.map(|(number, order)| ShareOwner { number, order_no: order.order_no.clone() });
    let number = draw(&DrawSecret([7; 32]), &shares);
    let winner = sold[usize::try_from(number - 1).expect("a number")].1;
    let drawn = world.round_row(round);
    assert_eq!(drawn.commitment, DrawSecret([7; 32]).commitment());
    let state = RoundState::Drawn {
        drawn_at: world.house.now,
        winning_number: number,
        order: winner.id,
        member: winner.member,
    };
    assert_eq!(drawn.state, state);
    let won = Goods::Prize { product: rice, round };
    let prize = world.database.shop_orders().find(|order| order.goods == won).expect("a prize").clone();
    assert_eq!((prize.member, prize.total), (winner.member, Cents::ZERO));
    let step = StepShopOrder { order: prize.id, goods: prize.goods, to: Fulfilment::Completed };
    world.one(None, ShopCommand::Step(step)).expect("handed over");
    assert_eq!(world.left(rice), 0);
}

#[test]
fn the_secret_decides_who_wins() {
    let mut world = World::new();
    let members = [1, 2, 3].map(|_| world.member(100_000));
    let rice = world.product(1500, 20, None);
    let mut won = BTreeSet::new();
    for secret in 0..20 {
        let round = world.round_of(rice, 3, 500, DrawSecret([secret; 32])).expect("made");
        let shares = members.map(|member| {
            let order = world.place(member, Goods::Shares { round }, 1, PayWith::Balance).expect("bought");
            ShareOwner { number: order.share_numbers[0], order_no: order.order_no }
        });
        world.one(None, ShopCommand::DrawRound(DrawRound { round, product: rice })).expect("drawn");
        let RoundState::Drawn { winning_number, member, .. } = world.round_row(round).state else {
            panic!("not drawn")
        };
        assert_eq!(winning_number, draw(&DrawSecret([secret; 32]), &shares));
        assert_eq!(member, members[usize::try_from(winning_number - 1).expect("a number")]);
        won.insert(winning_number);
    }
    assert_eq!(won, BTreeSet::from([1, 2, 3]));
}

#[test]
fn a_round_that_is_not_sold_out_pays_everybody_back() {
    let mut world = World::new();
    let (li, wang) = (world.member(10_000), world.member(10_000));
    let rice = world.product(1500, 3, None);
    let round = world.round(rice, 10, 500).expect("made");
    let both = Goods::PiecesAndShares { product: rice, round };
    world.place(li, Goods::Shares { round }, 3, PayWith::Balance).expect("bought");
    let mixed = world.place(wang, both, 1, PayWith::Balance).expect("bought");
    assert_eq!(mixed.total, Cents::new(2000));
    world.later(40 * MINUTE);
    let unpaid = world.place(li, Goods::Shares { round }, 1, PayWith::Wechat).expect("held");
    assert_eq!(unpaid.expires_at(), Some(world.round_row(round).closes_at), "nobody can pay for a round that is over");
    let close = ShopCommand::CloseRound(CloseRound { round, product: rice });
    assert!(matches!(world.one(None, close.clone()), Err(Refusal::RoundStillOpen { .. })));
    world.later(20 * MINUTE);
    assert!(matches!(world.place(li, Goods::Shares { round }, 1, PayWith::Balance), Err(Refusal::RoundOver { .. })));
    let Ok(Outcome::Round(outcome)) = world.one(None, close.clone()) else { panic!("not closed") };
    assert_eq!((outcome.orders_refunded, outcome.refunded), (2, Cents::new(2000)));
    assert!(world.one(None, close).is_err(), "once");
    assert_eq!((world.wallet(li), world.wallet(wang)), (10_000, 8500));
    assert_eq!(world.left(rice), 2, "the prize is free again, the piece that was bought is not");
    let kept = world.order(mixed.id);
    assert_eq!((kept.status().as_str(), kept.total, kept.share_numbers.len()), ("paid", Cents::new(1500), 0));
    world.expire(&[&unpaid]);
    let refund = RefundShopOrder { order: mixed.id, goods: both, back_to: BackTo::Balance, reason: reason() };
    world.one(None, ShopCommand::Refund(refund)).expect("refunded");
    assert_eq!((world.wallet(wang), world.left(rice)), (10_000, 3));
}

#[test]
fn a_round_that_is_called_off_takes_no_more_payments() {
    let mut world = World::new();
    let li = world.member(10_000);
    let rice = world.product(1500, 1, None);
    let round = world.round(rice, 10, 500).expect("made");
    let unpaid = world.place(li, Goods::Shares { round }, 1, PayWith::Wechat).expect("held");
    world.place(li, Goods::Shares { round }, 2, PayWith::Balance).expect("bought");
    let cancel = ShopCommand::CancelRound(CancelRound { round, product: rice, reason: reason() });
    world.one(None, cancel).expect("called off");
    let refused = order_of(world.one(Some(li), pay(&unpaid)));
    assert_eq!(refused, Err(Refusal::RoundNotOpen { status: RoundStatus::Failed }));
    assert_eq!((world.wallet(li), world.left(rice)), (10_000, 1));
}

#[test]
fn only_its_owner_pays_and_cancels_an_order() {
    let mut world = World::new();
    let (li, wang) = (world.member(10_000), world.member(10_000));
    let goods = Goods::Pieces { product: world.product(100, 5, None) };
    let unpaid = world.place(li, goods, 1, PayWith::Wechat).expect("held");
    assert_eq!(world.one(Some(wang), pay(&unpaid)), Err(Refusal::NotYours));
    let cancel = ShopCommand::Cancel(CancelShopOrder { order: unpaid.id, goods, back_to: BackTo::Balance });
    assert_eq!(world.one(Some(wang), cancel.clone()), Err(Refusal::NotYours));
    let other = Goods::Pieces { product: world.product(100, 5, None) };
    let elsewhere = ShopCommand::Pay(PayShopOrder { order: unpaid.id, goods: other });
    assert!(matches!(world.one(Some(li), elsewhere), Err(Refusal::NotFound { .. })));
    let cancelled = order_of(world.one(Some(li), cancel)).expect("cancelled");
    assert_eq!((cancelled.status().as_str(), cancelled.payment_status()), ("cancelled", "cancelled"));
    assert_eq!(world.wallet(li), 10_000);
}

#[test]
fn a_prepaid_wallet_buys_what_it_can_pay() {
    let mut world = World::new();
    let li = world.member(1499);
    let goods = Goods::Pieces { product: world.product(1500, 5, None) };
    assert_eq!(code(world.place(li, goods, 1, PayWith::Balance)), Code::InsufficientBalance);
    assert!(world.database.shop_orders.is_empty());
    world.house.overdraft_limit = None;
    world.place(li, goods, 1, PayWith::Balance).expect("without a floor, it goes below zero");
    assert_eq!(world.wallet(li), -1);
}

#[test]
fn a_stuck_order_is_tried_again_and_then_parked() {
    let mut world = World::new();
    let order = OrderId::new(5);
    let mut waits = Vec::new();
    for _ in 0..4 {
        let note = NoteStuckOrder { order, error: "a row is damaged".to_owned() };
        match world.one(None, ShopCommand::NoteStuck(note)) {
            Ok(Outcome::Stuck { stuck }) => {
                waits.push(stuck.retry_at.map(|at| at.as_millis() - world.house.now.as_millis()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [Some(15_000), Some(30_000), Some(60_000), None]);
}

/// A small generator, so that a failure can be run again by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap_or(0) % sides
    }
}

/// What a plain reading of all rows says about placing an order.
fn expected(world: &World, member: MemberId, goods: Goods, count: i64, pay_with: PayWith) -> Option<Code> {
    let now = world.house.now;
    let database = &world.database;
    let stands = |order: &&ShopOrder| match order.state {
        ShopOrderState::Unpaid { expires_at } => now < expires_at,
        ShopOrderState::Paid { .. } => true,
        _ => false,
    };
    let product = goods.pieces().map(|product| &database.products[&product].0);
    let round = goods.shares().map(|round| &database.rounds[&round].0);
    let sells = |round: &Round| round.status() == RoundStatus::Open && now >= round.opens_at && now < round.closes_at;
    if product.is_some_and(|product| !product.on_sale) || round.is_some_and(|round| !sells(round)) {
        return Some(Code::BusinessRule);
    }
    let bought = |pool: kernel::PoolId| -> i64 {
        let orders = database.shop_orders().filter(stands).filter(|order| order.member == member);
        let orders = orders.filter(|order| !matches!(order.goods, Goods::Prize { .. }));
        orders.filter(|order| order.goods.pools().any(|own| own == pool)).map(|order| order.quantity.get()).sum()
    };
    if let Some(limit) = product.and_then(|product| product.member_limit)
        && bought(goods.pieces().expect("a product").into()) + count > limit.get()
    {
        return Some(Code::BusinessRule);
    }
    if let Some(product) = product {
        let came: i64 =
            database.stock_movements.iter().filter(|one| one.product == product.id).map(|one| one.delta).sum();
        let of_product = database.shop_orders().filter(|order| order.goods.pieces() == Some(product.id));
        let gone: i64 = of_product
            .filter(|order| match order.state {
                ShopOrderState::Refunded { fulfilment, .. } => fulfilment.is_handed_over(),
                _ => stands(order),
            })
            .map(|order| order.quantity.get())
            .sum();
        let rounds = database.rounds.values().filter(|(round, _)| round.product == product.id);
        let prizes = rounds.filter(|(round, _)| matches!(round.status(), RoundStatus::Open | RoundStatus::SoldOut));
        if came - gone - (prizes.count() as i64) < count {
            return Some(Code::OutOfStock);
        }
    }
    if let Some(round) = round {
        let sold: i64 = database
            .shop_orders()
            .filter(stands)
            .filter(|order| order.goods.shares() == Some(round.id))
            .map(|order| order.quantity.get())
            .sum();
        if database.pools[&round.pool()].0.capacity - sold < count {
            return Some(Code::OutOfStock);
        }
    }
    let price = product.map_or(0, |product| product.price.get()) + round.map_or(0, |round| round.share_price.get());
    if pay_with == PayWith::Wechat {
        let mine = database.shop_orders().filter(stands).filter(|order| order.member == member);
        return (mine.filter(|order| order.expires_at().is_some()).count() >= 3).then_some(Code::UnpaidOrderExists);
    }
    (world.wallet(member) < price * count).then_some(Code::InsufficientBalance)
}

#[test]
fn random_days_in_the_shop_leave_the_books_in_order() {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut world = World::new();
        let members: Vec<MemberId> = (0..4).map(|_| world.member(20_000)).collect();
        let products = [world.product(700, 6, None), world.product(300, 12, Some(4))];
        let mut rounds: Vec<RoundId> = vec![world.round(products[0], 5, 200).expect("made")];
        for _ in 0..60 {
            let member = members[usize::try_from(dice.roll(4)).expect("small")];
            let product = products[usize::try_from(dice.roll(2)).expect("small")];
            let round = rounds[usize::try_from(dice.roll(rounds.len() as i64)).expect("small")];
            let orders: Vec<ShopOrder> = world.database.shop_orders().cloned().collect();
            let chosen = (!orders.is_empty())
                .then(|| orders[usize::try_from(dice.roll(orders.len() as i64)).expect("small")].clone());
            let what = dice.roll(14);
            let answer = match (what, chosen) {
                (0..=4, _) => {
                    let goods = match dice.roll(3) {
                        0 => Goods::Pieces { product },
                        1 => Goods::Shares { round },
                        _ => Goods::PiecesAndShares { product, round },
                    };
                    let pay_with = if dice.roll(2) == 0 { PayWith::Balance } else { PayWith::Wechat };
                    let count = 1 + dice.roll(3);
                    let expected = expected(&world, member, goods, count, pay_with);
                    let answer = world.one(Some(member), place(member, goods, count, pay_with));
                    let came = answer.as_ref().err().map(Refusal::code);
                    assert_eq!(came, expected, "seed {seed}: {goods:?} x{count} by {member} {pay_with:?}");
                    answer
                }
                (5, Some(order)) => world.one(Some(order.member), pay(&order)),
                (6, Some(order)) => {
                    let cancel = CancelShopOrder { order: order.id, goods: order.goods, back_to: BackTo::Balance };
                    world.one(Some(order.member), ShopCommand::Cancel(cancel))
                }
                (7, Some(order)) => {
                    let to = Fulfilment::ALL[usize::try_from(dice.roll(6)).expect("small")];
                    world.one(None, ShopCommand::Step(StepShopOrder { order: order.id, goods: order.goods, to }))
                }
                (8, Some(order)) => {
                    let refund = RefundShopOrder {
                        order: order.id,
                        goods: order.goods,
                        back_to: BackTo::Balance,
                        reason: reason(),
                    };
                    world.one(None, ShopCommand::Refund(refund))
                }
                (9, _) => {
                    let orders = orders.iter().map(|order| (order.id, order.goods)).collect();
                    world.one(None, ShopCommand::Expire(ExpireShopOrders { orders }))
                }
                (10, _) => {
                    let delta = dice.roll(7) - 3;
                    world.one(None, ShopCommand::MoveStock(MoveStock { product, delta, reason: reason() }))
                }
                (11, _) => {
                    let made = world.round(product, 1 + dice.roll(4), 200);
                    rounds.extend(made.as_ref().ok());
                    made.map(|_| Outcome::SessionClosed)
                }
                (12, _) => {
                    let product = world.round_row(round).product;
                    match dice.roll(3) {
                        0 => world.one(None, ShopCommand::CloseRound(CloseRound { round, product })),
                        1 => {
                            world.one(None, ShopCommand::CancelRound(CancelRound { round, product, reason: reason() }))
                        }
                        _ => world.one(None, ShopCommand::DrawRound(DrawRound { round, product })),
                    }
                }
                _ => {
                    world.later(dice.roll(20) * MINUTE);
                    continue;
                }
            };
            let said = answer.map_or_else(|refusal| format!("{what} {:?}", refusal.code()), |_| format!("{what} ok"));
            *met.entry(said).or_default() += 1;
        }
    }
    // Otherwise the days were dull.
    for what in 0..=12 {
        assert!(met.contains_key(&format!("{what} ok")), "{what} never succeeded: {met:?}");
    }
    assert!(met.keys().filter(|said| !said.ends_with("ok")).count() > 12, "{met:?}");
}
