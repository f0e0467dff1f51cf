//! The shop under many callers at once: stock and shares are never sold twice, and what is released is released once.

#![cfg(test)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Home, Place, both_engines, code, eventually, number, request, settings, sign_up_all, start, tamper};
use futures_util::future::{join, join_all};
use kernel::{
    BackTo, BeginShopPayment, CancelShopOrder, Code, Command, CreateProduct, CreateRound, Delivery, DrawRound,
    DrawSecret, EditProduct, ExpireShopOrders, Goods, Grant, MemberId, Outcome, PayClient, PayShopOrder, PayWith,
    PaymentSource, PaysFor, PlaceShopOrder, ProductId, ProductPatch, Quantity, RoundId, SettlePayment, Settled,
    ShopCommand, ShopOrder, Topup,
};
use service::{
    EndRounds, Failure, Job, PictureName, Pictures, ReleaseExpiredOrders, Request, Service, Settings, TidyPictures,
};
use store::Value;
use testing::proxy::{Moment, Proxy, Verdict};

const MINUTE: i64 = 60_000;

fn with_jobs() -> Settings {
    let mut settings = settings();
    // As the service starts, and then by hand only: an hour is longer than any test.
    settings.jobs.push(Box::new(ReleaseExpiredOrders { every_ms: 3_600_000 }));
    settings.jobs.push(Box::new(EndRounds { every_ms: 3_600_000 }));
    settings
}

/// A service whose jobs have had the run with which they begin.
async fn start_with_jobs(url: &str) -> Service {
    let service = start(url, with_jobs()).await;
    let begun = "SELECT COUNT(*) FROM job_runs WHERE state = 'succeeded'";
    eventually("each job has run once", async || number(&service, begun).await == 2).await;
    service
}

/// Takes every deadline into the past. A service's own clock cannot jump: it would lose its node number.
async fn let_lapse(home: &Home) {
    tamper(home, "UPDATE shop_orders SET expires_at = 1 WHERE expires_at IS NOT NULL", &[]).await;
    tamper(home, "UPDATE holds SET expires_at = 1 WHERE expires_at IS NOT NULL", &[]).await;
}

fn shop(command: ShopCommand) -> Command {
    Command::Shop(command)
}

async fn product(service: &Service, stock: i64) -> ProductId {
    let command = shop(ShopCommand::CreateProduct(CreateProduct {
        name_zh: "米".to_owned().try_into().expect("a name"),
        name_en: None,
        description: String::new().try_into().expect("a note"),
        price: 100.try_into().expect("a price"),
        member_limit: None,
        on_sale: true,
        stock,
    }));
    match service.run(Request::by_house(command)).await {
        Ok(Outcome::Product(made)) => made.product.id,
        other => panic!("{other:?}"),
    }
}

async fn round(service: &Service, product: ProductId, shares: i64) -> RoundId {
    let command = shop(ShopCommand::CreateRound(CreateRound {
        product,
        shares,
        share_price: 50.try_into().expect("a price"),
        member_limit: None,
        opens_at: service.now(),
        closes_at: service.now().plus_millis(600 * MINUTE),
        secret: DrawSecret([9; 32]),
    }));
    match service.run(Request::by_house(command)).await {
        Ok(Outcome::Round(made)) => made.round.id,
        other => panic!("{other:?}"),
    }
}

fn place(member: MemberId, goods: Goods, pay_with: PayWith) -> Request {
    let notes = String::new().try_into().expect("a note");
    let (quantity, delivery) = (Quantity::ONE, Delivery::PickUp);
    let order = PlaceShopOrder { member, goods, quantity, pay_with, delivery, notes };
    request(member, shop(ShopCommand::Place(order)))
}

fn pay(order: &ShopOrder) -> Request {
    request(order.member, shop(ShopCommand::Pay(PayShopOrder { order: order.id, goods: order.goods })))
}

fn cancel(order: &ShopOrder) -> Request {
    request(
        order.member,
        shop(ShopCommand::Cancel(CancelShopOrder { order: order.id, goods: order.goods, back_to: BackTo::Balance })),
    )
}

fn expire(orders: &[ShopOrder]) -> Request {
    let orders = orders.iter().map(|order| (order.id, order.goods)).collect();
    Request::by_house(shop(ShopCommand::Expire(ExpireShopOrders { orders })))
}

fn order_of(outcome: Result<Outcome, Failure>) -> Result<ShopOrder, Failure> {
    match outcome? {
        Outcome::ShopOrder(outcome) => Ok(outcome.order),
        other => panic!("{other:?}"),
    }
}

fn released_by(answer: Result<Outcome, Failure>) -> usize {
    match answer {
        Ok(Outcome::Expired { released }) => released.len(),
        other => panic!("{other:?}"),
    }
}

async fn rich(service: &Service, count: usize) -> Vec<MemberId> {
    let members = sign_up_all(service, count).await;
    for &member in &members {
        let reason = String::new().try_into().expect("a note");
        let grant = Grant { member, amount: 1_000_000.try_into().expect("a price"), reason };
        service.run(Request::by_house(Command::Grant(grant))).await.expect("granted");
    }
    members
}

async fn unpaid(service: &Service, members: &[MemberId], goods: Goods) -> Vec<ShopOrder> {
    let asked = members.iter().map(|&member| service.run(place(member, goods, PayWith::Wechat)));
    join_all(asked).await.into_iter().map(|answer| order_of(answer).expect("held")).collect()
}

async fn taken(service: &Service, goods: Goods) -> i64 {
    let mut sum = 0;
    for pool in goods.pools() {
        let sql = "SELECT taken FROM pools WHERE pool_id = $1";
        let rows = service.store().query(sql, vec![Value::Int(pool.get())]).await.expect("read");
        sum += rows.into_iter().next().expect("a pool").cells().int().expect("a number");
    }
    sum
}

both_engines! {
    async fn a_limit_counts_for_whoever_buys_in_the_same_moment(place_: Place) {
        let service = &place_.service;
        let members = rich(service, 2).await;
        for _ in 0..20 {
            let product = product(service, 9).await;
            let goods = Goods::Pieces { product };
            let patch = ProductPatch { member_limit: Some(Some(Quantity::ONE)), ..ProductPatch::default() };
            let edit = Request::by_house(shop(ShopCommand::EditProduct(EditProduct { product, patch })));
            let buy = |member| place(member, goods, PayWith::Balance);
            let asked = [buy(members[0]), edit, buy(members[0]), buy(members[1])];
            let answers = join_all(asked.map(|request| service.run(request))).await;
            let codes: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|failure| code(&failure)).err()).collect();
            assert_eq!(codes, [None, None, Some(Code::BusinessRule), None]);
        }
    }

    async fn the_last_piece_goes_to_one_of_two(place_: Place) {
        let members = rich(&place_.service, 2).await;
        for _ in 0..60 {
            let goods = Goods::Pieces { product: product(&place_.service, 1).await };
            let (one, other) = join(
                place_.service.run(place(members[0], goods, PayWith::Balance)),
                place_.service.run(place(members[1], goods, PayWith::Balance)),
            ).await;
            let refused: Vec<_> = [&one, &other].into_iter().filter_map(|answer| answer.as_ref().err()).collect();
            assert_eq!(refused.len(), 1, "{one:?} {other:?}");
            assert_eq!(code(refused[0]), Code::OutOfStock);
        }
        place_.books_are_right().await;
    }

    async fn a_round_is_sold_out_share_by_share_and_drawn_once(place_: Place) {
        let members = rich(&place_.service, 30).await;
        let rice = product(&place_.service, 1).await;
        let round = round(&place_.service, rice, 25).await;
        let asked = members.iter().map(|&member| place_.service.run(place(member, Goods::Shares { round }, PayWith::Balance)));
        let answers: Vec<_> = join_all(asked).await.into_iter().map(order_of).collect();
        let mut numbers: Vec<i64> = answers.iter().flatten().flat_map(|order| order.share_numbers.clone()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=25).collect::<Vec<_>>());
        let draw = || Request::by_house(shop(ShopCommand::DrawRound(DrawRound { round, product: rice })));
        let drawn = join_all((0..8).map(|_| place_.service.run(draw()))).await;
        assert_eq!(drawn.iter().filter(|answer| answer.is_ok()).count(), 1, "{drawn:?}");
        assert_eq!(number(&place_.service, "SELECT COUNT(*) FROM shop_orders WHERE kind = 'prize'").await, 1);
        place_.books_are_right().await;
    }

    async fn nobody_has_more_unpaid_orders_than_the_house_allows(place_: Place) {
        let members = rich(&place_.service, 1).await;
        let mut asked = Vec::new();
        for _ in 0..12 {
            // Of another product each, so that they go through all lanes.
            let goods = Goods::Pieces { product: product(&place_.service, 5).await };
            asked.push(place_.service.run(place(members[0], goods, PayWith::Wechat)));
        }
        let answers = join_all(asked).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
        assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(|it| code(it) == Code::UnpaidOrderExists));
        place_.books_are_right().await;
    }
}

/// What happens to the same orders at the same moment as they are released, by so many workers.
async fn release_against(home: Home, workers: usize) {
    let service = start_with_jobs(&home.url()).await;
    let members = rich(&service, 12).await;
    let (rice, tea) = (product(&service, 20).await, product(&service, 12).await);
    let round = round(&service, rice, 40).await;
    let before = taken(&service, Goods::PiecesAndShares { product: rice, round }).await;
    let both = unpaid(&service, &members, Goods::PiecesAndShares { product: rice, round }).await;
    let plain = unpaid(&service, &members, Goods::Pieces { product: tea }).await;
    let_lapse(&home).await;
    let orders: Vec<ShopOrder> = both.iter().chain(&plain).cloned().collect();
    let releases = join_all((0..workers).map(|_| service.run(expire(&orders))));
    let payments = join_all(orders.iter().map(|order| service.run(pay(order))));
    let cancels = join_all(orders.iter().map(|order| service.run(cancel(order))));
    let buyers = join_all(
        members.iter().map(|&member| service.run(place(member, Goods::Pieces { product: tea }, PayWith::Balance))),
    );
    let ((releases, payments), (cancels, buyers)) = join(join(releases, payments), join(cancels, buyers)).await;
    for refused in payments.into_iter().chain(cancels) {
        assert_eq!(code(&refused.expect_err("it is too late")), Code::InvalidStatusTransition);
    }
    let released: usize = releases.into_iter().map(released_by).sum();
    assert_eq!(released, orders.len(), "each order is released once");
    assert!(buyers.iter().all(Result::is_ok), "what lapsed is the next buyers': {buyers:?}");
    assert_eq!(taken(&service, Goods::PiecesAndShares { product: rice, round }).await, before);
    assert_eq!(taken(&service, Goods::Pieces { product: tea }).await, 12);
    let lines = "SELECT COUNT(*) FROM shop_orders WHERE status = 'expired' AND notes LIKE '%订单超时已过期%'";
    assert_eq!(number(&service, lines).await, orders.len() as i64);
    assert_eq!(
        number(&service, "SELECT COUNT(*) FROM audits WHERE action = 'shop_order.expire'").await,
        orders.len() as i64
    );
    common::books_are_right(&service).await;
    service.stop().await;
}

/// A payment at WeChat has been begun; nobody has asked WeChat.
async fn begun(service: &Service, order: &ShopOrder) -> Topup {
    let command = shop(ShopCommand::BeginPayment(BeginShopPayment {
        order: order.id,
        goods: order.goods,
        order_no: format!("SPAY{}", order.id),
        client: PayClient::Native,
        first_check_at: service.now().plus_millis(5 * MINUTE),
    }));
    match service.run(request(order.member, command)).await {
        Ok(Outcome::Topup { topup, .. }) => topup,
        other => panic!("{other:?}"),
    }
}

/// The news that it was made.
fn news(order: &ShopOrder, topup: &Topup) -> Request {
    let refund_no = format!("REFD{}", topup.id);
    Request::by_house(Command::SettlePayment(SettlePayment {
        order_no: topup.order_no.clone(),
        topup: Some(topup.id),
        transaction_id: format!("4200{}", topup.id),
        total: topup.amount,
        currency: "CNY".to_owned(),
        paid_at: topup.created_at,
        source: PaymentSource::Callback,
        pays_for: Some(PaysFor { order: order.id, goods: order.goods, refund_no }),
    }))
}

fn settled_by(answer: Result<Outcome, Failure>) -> Settled {
    match answer {
        Ok(Outcome::Settled { settled, .. }) => settled,
        other => panic!("{other:?}"),
    }
}

/// The news of each payment comes four times, while so many workers release the same orders and others buy what they held.
async fn release_against_callbacks(home: Home, workers: usize) {
    let service = start_with_jobs(&home.url()).await;
    let members = rich(&service, 12).await;
    let tea = product(&service, 12).await;
    let goods = Goods::Pieces { product: tea };
    let orders = unpaid(&service, &members, goods).await;
    let topups = join_all(orders.iter().map(|order| begun(&service, order))).await;
    let_lapse(&home).await;
    let releases = join_all((0..workers).map(|_| service.run(expire(&orders))));
    let paid = orders.iter().zip(&topups);
    let four = paid.flat_map(|(order, topup)| (0..4).map(move |_| news(order, topup)));
    let callbacks = join_all(four.map(|news| service.run(news)));
    let buyers = join_all(members[..6].iter().map(|&member| service.run(place(member, goods, PayWith::Balance))));
    let ((releases, callbacks), buyers) = join(join(releases, callbacks), buyers).await;
    let released: usize = releases.into_iter().map(released_by).sum();
    assert!(released <= orders.len());
    let credited = callbacks.into_iter().map(settled_by).filter(|settled| *settled == Settled::Credited).count();
    assert_eq!(credited, orders.len(), "the money for each order comes once");
    let bought = buyers.iter().filter(|answer| answer.is_ok()).count();
    let count = |status: &str| {
        format!("SELECT COUNT(*) FROM shop_orders WHERE pay_with = 'wechat' AND status = '{status}'").leak()
    };
    let [kept, returned] = [number(&service, count("paid")).await, number(&service, count("refunded")).await];
    assert_eq!(kept + returned, orders.len() as i64, "who has paid has the goods or the money");
    assert_eq!(number(&service, "SELECT COUNT(*) FROM refunds").await, returned);
    assert_eq!(kept + bought as i64, 12, "what is left is nobody's while somebody has paid for it");
    assert_eq!(taken(&service, goods).await, 12);
    common::books_are_right(&service).await;
    service.stop().await;
}

/// At the deadline itself, each order is either paid or released.
async fn release_at_the_deadline(home: Home) {
    const WITHIN: Duration = Duration::from_millis(60);
    let mut settings = with_jobs();
    settings.shop.pay_within_ms = 60;
    let service = start(&home.url(), settings).await;
    let members = rich(&service, 3).await;
    let (mut paid, mut lapsed) = (0, 0);
    for round in 0..40 {
        let goods = Goods::Pieces { product: product(&service, 3).await };
        let orders = unpaid(&service, &members, goods).await;
        tokio::time::sleep(WITHIN * round / 30).await;
        let payments = join_all(orders.iter().map(|order| service.run(pay(order))));
        let (payments, released) = join(payments, service.run(expire(&orders))).await;
        let paid_here = payments.iter().filter(|answer| answer.is_ok()).count();
        let released = released_by(released);
        tokio::time::sleep(WITHIN).await;
        let rest = released_by(service.run(expire(&orders)).await);
        assert_eq!(paid_here + released + rest, orders.len());
        assert_eq!(taken(&service, goods).await, paid_here as i64);
        (paid, lapsed) = (paid + paid_here, lapsed + released + rest);
    }
    assert!(paid > 0 && lapsed > 0, "{paid} were paid, {lapsed} lapsed: the race was none");
    common::books_are_right(&service).await;
    service.stop().await;
}

async fn the_job_releases_what_it_can_and_parks_what_is_broken(home: Home) {
    let service = start_with_jobs(&home.url()).await;
    let members = rich(&service, 40).await;
    let goods = Goods::Pieces { product: product(&service, 100).await };
    let orders = unpaid(&service, &members, goods).await;
    let broken = orders[17].id.get();
    let gone = "DELETE FROM holds WHERE order_id = $1";
    tamper(&home, gone, &[Value::Int(broken)]).await;
    let_lapse(&home).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let shown = service.run_job("release-expired-orders", Request::by_house).await.expect("run");
        let kernel::RunState::Succeeded { counts, .. } = shown.run.state else { panic!("{shown:?}") };
        seen.push((counts["released"], counts["failed"], counts["parked"]));
        assert_eq!(counts["rolled_back"] > 0, counts["failed"] > 0);
        tamper(&home, "UPDATE stuck_orders SET retry_at = 1 WHERE retry_at IS NOT NULL", &[]).await;
    }
    assert_eq!(seen, [(39, 1, 0), (0, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1)]);
    assert_eq!(number(&service, "SELECT COUNT(*) FROM audits WHERE action = 'shop_order.park'").await, 1);
    service.stop().await;
}

async fn the_job_ends_rounds(home: Home) {
    let service = start_with_jobs(&home.url()).await;
    let members = rich(&service, 3).await;
    let rice = product(&service, 2).await;
    let (full, empty) = (round(&service, rice, 3).await, round(&service, rice, 9).await);
    for &member in &members {
        for round in [full, empty] {
            service.run(place(member, Goods::Shares { round }, PayWith::Balance)).await.expect("bought");
        }
    }
    for expected in [(1, 0), (0, 1)] {
        let shown = service.run_job("end-rounds", Request::by_house).await.expect("run");
        let kernel::RunState::Succeeded { counts, .. } = shown.run.state else { panic!("{shown:?}") };
        assert_eq!((counts["drawn"], counts["closed"]), expected);
        tamper(&home, "UPDATE rounds SET closes_at = 1 WHERE status = 'open'", &[]).await;
    }
    common::books_are_right(&service).await;
    service.stop().await;
}

fn sqlite_home() -> Home {
    Home::Sqlite(testing::TempDir::new())
}

fn postgres_home() -> Home {
    Home::Postgres(testing::postgres::fresh_database())
}

macro_rules! on_both {
    ($($sqlite:ident, $postgres:ident: $work:expr;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $sqlite() {
            ($work)(sqlite_home()).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $postgres() {
            ($work)(postgres_home()).await;
        }
    )+};
}

on_both! {
    two_workers_on_sqlite, two_workers_on_postgres: |home| release_against(home, 2);
    eight_workers_on_sqlite, eight_workers_on_postgres: |home| release_against(home, 8);
    two_workers_and_callbacks_on_sqlite, two_workers_and_callbacks_on_postgres: |home| release_against_callbacks(home, 2);
    eight_workers_and_callbacks_on_sqlite, eight_workers_and_callbacks_on_postgres: |home| release_against_callbacks(home, 8);
    at_the_deadline_on_sqlite, at_the_deadline_on_postgres: release_at_the_deadline;
    broken_orders_on_sqlite, broken_orders_on_postgres: the_job_releases_what_it_can_and_parks_what_is_broken;
    damage_on_sqlite, damage_on_postgres: damage_is_found;
    rounds_end_on_sqlite, rounds_end_on_postgres: the_job_ends_rounds;
}

/// What a broken database may leave half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Release,
    Settle,
}

/// Orders past their deadline for pieces and shares, some of them paid for at WeChat.
struct Prepared {
    orders: Vec<ShopOrder>,
    topups: Vec<Topup>,
}

impl Work {
    async fn prepare(self, home: &Home, service: &Service, members: &[MemberId], goods: Goods) -> Prepared {
        let orders = unpaid(service, members, goods).await;
        let topups = match self {
            Self::Release => Vec::new(),
            Self::Settle => join_all(orders.iter().map(|order| begun(service, order))).await,
        };
        let_lapse(home).await;
        Prepared { orders, topups }
    }

    /// Whether it came to its end is of no matter here.
    async fn act(self, service: &Service, prepared: &Prepared) {
        match self {
            Self::Release => drop(ReleaseExpiredOrders { every_ms: MINUTE }.run(service).await),
            Self::Settle => {
                let news = prepared.orders.iter().zip(&prepared.topups).map(|(order, topup)| news(order, topup));
                join_all(news.map(|news| service.run(news))).await;
            }
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Release => "expired",
            Self::Settle => "paid",
        }
    }
}

/// Of each order, its claims and its money all is done, or nothing.
async fn is_whole(service: &Service, work: Work, prepared: &Prepared) -> bool {
    let mut done = 0;
    for order in &prepared.orders {
        let id = order.id.get();
        let status = format!("SELECT COUNT(*) FROM shop_orders WHERE order_id = {id} AND status = '{}'", work.done());
        let is_done = number(service, status.leak()).await == 1;
        let (claims, entries) = match (work, is_done) {
            (Work::Release, true) => ("state = 'released'", 0),
            (Work::Settle, true) => ("state = 'held' AND expires_at IS NULL", 4),
            (_, false) => ("state = 'held' AND expires_at = 1", 0),
        };
        let claims = format!("SELECT COUNT(*) FROM holds WHERE order_id = {id} AND {claims}");
        assert_eq!(number(service, claims.leak()).await, 2, "{work:?} of {id}, done: {is_done}");
        let entries_of = format!("SELECT COUNT(*) FROM entries WHERE order_id = {id}");
        assert_eq!(number(service, entries_of.leak()).await, entries, "{work:?} of {id}, done: {is_done}");
        let told = format!(
            "SELECT COUNT(*) FROM audits WHERE object_id = {id} AND action IN ('shop_order.expire', 'shop_order.settle')"
        );
        assert_eq!(number(service, told.leak()).await, i64::from(is_done), "{work:?} of {id} is told of once");
        done += usize::from(is_done);
    }
    common::books_are_right(service).await;
    done == prepared.orders.len()
}

/// Until it is done: a connection that was cut may take one more try.
async fn finish(home: &Home, service: &Service, work: Work, prepared: &Prepared) {
    for _ in 0..5 {
        tamper(home, "UPDATE stuck_orders SET retry_at = 1 WHERE retry_at IS NOT NULL", &[]).await;
        work.act(service, prepared).await;
        if is_whole(service, work, prepared).await {
            return;
        }
    }
    panic!("{work:?} is never done");
}

/// The connection breaks before and after each statement in turn.
async fn cut_at_each_statement(work: Work) {
    let database = testing::postgres::fresh_database();
    let proxy = Proxy::start(database.url());
    let (service, calm) = (start(proxy.url(), settings()).await, start(database.url(), settings()).await);
    let home = Home::Disturbed(proxy, database);
    let members = rich(&calm, 2).await;
    let rice = product(&calm, 1000).await;
    let goods = Goods::PiecesAndShares { product: rice, round: round(&calm, rice, 1000).await };

    let prepared = work.prepare(&home, &calm, &members, goods).await;
    let seen = Arc::new(Mutex::new(Vec::<String>::new()));
    let list = Arc::clone(&seen);
    home.proxy().rule(move |moment, text| {
        if moment != Moment::Prepare {
            list.lock().expect("no panic").push(text.to_owned());
        }
        Verdict::Pass
    });
    work.act(&service, &prepared).await;
    assert!(is_whole(&calm, work, &prepared).await);
    let mut statements = std::mem::take(&mut *seen.lock().expect("no panic"));
    home.proxy().rule(|_, _| Verdict::Pass);
    statements.sort_unstable();
    statements.dedup();
    assert!(statements.iter().any(|text| text.starts_with("UPDATE shop_orders")), "{statements:?}");

    for text in statements {
        for verdict in [Verdict::Cut, Verdict::CutAfterwards] {
            let prepared = work.prepare(&home, &calm, &members, goods).await;
            let (wanted, mut is_cut) = (text.clone(), false);
            home.proxy().rule(move |moment, text| {
                if moment == Moment::Prepare || text != wanted || is_cut {
                    return Verdict::Pass;
                }
                is_cut = true;
                verdict
            });
            work.act(&service, &prepared).await;
            home.proxy().rule(|_, _| Verdict::Pass);
            is_whole(&calm, work, &prepared).await;
            finish(&home, &service, work, &prepared).await;
        }
    }
    service.stop().await;
    calm.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_at_any_statement_of_the_release_leaves_nothing_half_done() {
    cut_at_each_statement(Work::Release).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_at_any_statement_of_a_settlement_leaves_nothing_half_done() {
    cut_at_each_statement(Work::Settle).await;
}

/// Each statement that writes is refused by the database in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_fails_on_sqlite_leaves_nothing_half_done() {
    let home = sqlite_home();
    let service = start(&home.url(), settings()).await;
    let members = rich(&service, 2).await;
    let rice = product(&service, 1000).await;
    let goods = Goods::PiecesAndShares { product: rice, round: round(&service, rice, 1000).await };
    let both = [("UPDATE", "shop_orders"), ("UPDATE", "holds"), ("UPDATE", "pools"), ("INSERT", "audits")];
    let money = [("UPDATE", "accounts"), ("INSERT", "entries"), ("UPDATE", "topups"), ("UPDATE", "rounds")];
    let releases = both.map(|statement| (Work::Release, statement));
    let settlements =
        both.into_iter().chain(money).filter(|&(_, table)| table != "pools").map(|statement| (Work::Settle, statement));
    for (work, (verb, table)) in releases.into_iter().chain(settlements) {
        let prepared = work.prepare(&home, &service, &members, goods).await;
        let trigger =
            format!("CREATE TRIGGER refuse BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END");
        tamper(&home, &trigger, &[]).await;
        work.act(&service, &prepared).await;
        tamper(&home, "DROP TRIGGER refuse", &[]).await;
        assert!(!is_whole(&service, work, &prepared).await, "{work:?} without {verb} {table}");
        finish(&home, &service, work, &prepared).await;
    }
    service.stop().await;
}

/// Damage to stock and shares, each kind found by its own check.
async fn damage_is_found(home: Home) {
    let service = start(&home.url(), settings()).await;
    let members = rich(&service, 2).await;
    let rice = product(&service, 20).await;
    let round = round(&service, rice, 9).await;
    for goods in [Goods::Pieces { product: rice }, Goods::Shares { round }] {
        service.run(place(members[0], goods, PayWith::Balance)).await.expect("bought");
    }
    common::books_are_right(&service).await;
    let (rice, round) = (rice.get(), round.get());
    for (damage, repair, broken) in [
        (
            format!("UPDATE stock_movements SET delta = delta + 1 WHERE product_id = {rice}"),
            format!("UPDATE stock_movements SET delta = delta - 1 WHERE product_id = {rice}"),
            &["stock"][..],
        ),
        (
            format!("UPDATE pools SET capacity = capacity + 1 WHERE pool_id = {rice}"),
            format!("UPDATE pools SET capacity = capacity - 1 WHERE pool_id = {rice}"),
            &["stock"],
        ),
        (
            format!("UPDATE pools SET taken = taken - 1 WHERE pool_id = {rice}"),
            format!("UPDATE pools SET taken = taken + 1 WHERE pool_id = {rice}"),
            &["holds"],
        ),
        (
            format!("UPDATE shop_orders SET share_numbers = '[2]' WHERE round_id = {round}"),
            format!("UPDATE shop_orders SET share_numbers = '[1]' WHERE round_id = {round}"),
            &["shares"],
        ),
        (
            format!("UPDATE rounds SET next_number = next_number + 1 WHERE round_id = {round}"),
            format!("UPDATE rounds SET next_number = next_number - 1 WHERE round_id = {round}"),
            &["shares"],
        ),
        (
            format!("UPDATE rounds SET status = 'sold_out' WHERE round_id = {round}"),
            format!("UPDATE rounds SET status = 'open' WHERE round_id = {round}"),
            &["shares"],
        ),
        (
            format!("UPDATE shop_orders SET total_cents = total_cents + 1 WHERE round_id = {round}"),
            format!("UPDATE shop_orders SET total_cents = total_cents - 1 WHERE round_id = {round}"),
            &["ledger"],
        ),
        (
            format!("UPDATE holds SET state = 'released' WHERE pool_id = {round}"),
            format!("UPDATE holds SET state = 'held' WHERE pool_id = {round}"),
            &["holds"],
        ),
    ] {
        tamper(&home, &damage, &[]).await;
        let report = service.check().await.expect("checked");
        let found: Vec<_> = report.counts().into_iter().filter(|&(_, count)| count > 0).map(|(name, _)| name).collect();
        assert_eq!(found, broken, "{damage}");
        tamper(&home, &repair, &[]).await;
        common::books_are_right(&service).await;
    }
    service.stop().await;
}

/// Two processes release the same orders, once with all protections and once without any: the second time something must be wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_locks_and_versions_something_is_released_twice() {
    const NO_LOCK: (&str, &str) = (" FOR UPDATE", "           ");
    const NO_VERSION: (&str, &str) = ("t.version = v.version", "v.version = v.version");
    for (rewrites, is_safe) in [(&[][..], true), (&[NO_LOCK, NO_VERSION][..], false)] {
        let database = testing::postgres::fresh_database();
        let proxy = Proxy::rewriting(database.url(), rewrites);
        let (one, other) = (start(proxy.url(), with_jobs()).await, start(proxy.url(), with_jobs()).await);
        let home = Home::Postgres(database);
        let members = rich(&one, 10).await;
        let mut twice = 0;
        for _ in 0..40 {
            let goods = Goods::Pieces { product: product(&one, 10).await };
            let orders = unpaid(&one, &members, goods).await;
            let_lapse(&home).await;
            let (mine, theirs) = join(one.run(expire(&orders)), other.run(expire(&orders))).await;
            let count = |answer| match answer {
                Ok(Outcome::Expired { released }) => released.len(),
                // Without its protections the database may refuse what two have done at once.
                _ => 0,
            };
            twice += (count(mine) + count(theirs)).saturating_sub(orders.len());
            if twice > 0 {
                break;
            }
        }
        assert_eq!(twice == 0, is_safe, "{twice} orders were released twice");
        one.stop().await;
        other.stop().await;
    }
}

/// So many unpaid orders of one member for a product, all past their deadline.
async fn lapse_many(home: &Home, member: MemberId, product: ProductId, count: i64) {
    let (member, product) = (member.get(), product.get());
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})");
    let orders = format!(
        "{numbers} INSERT INTO shop_orders SELECT 1000 + i, 'LAPSED' || i, {member}, 'pieces', {product}, NULL, 1, 100, 0, 100, \
         'wechat', NULL, '', '[]', 'pending', NULL, 1, NULL, NULL, 0, 0, 0, NULL FROM n"
    );
    let holds = format!("{numbers} INSERT INTO holds SELECT 1000 + i, {product}, 1, 'held', 1, 0 FROM n");
    let pool = format!("UPDATE pools SET taken = taken + {count}, version = version + 1 WHERE pool_id = {product}");
    for sql in [orders, holds, pool] {
        tamper(home, &sql, &[]).await;
    }
}

/// More claims have lapsed than one command reads of a pool and than one run's page holds; eight workers and some buyers go at them.
async fn a_heap_of_lapsed_orders(home: Home) {
    const LAPSED: i64 = 9_500;
    let service = start(&home.url(), with_jobs()).await;
    // Of SQLite's databases each has one server.
    let other = match home {
        Home::Sqlite(_) => None,
        _ => Some(start(&home.url(), with_jobs()).await),
    };
    let members = rich(&service, 20).await;
    let tea = product(&service, LAPSED).await;
    lapse_many(&home, members[0], tea, LAPSED).await;
    common::books_are_right(&service).await;
    // Nothing is left, but what has lapsed counts for nothing.
    let goods = Goods::Pieces { product: tea };
    let workers = join_all((0..8).map(|at| {
        let worker = other.as_ref().filter(|_| at % 2 == 1).unwrap_or(&service);
        async move { ReleaseExpiredOrders { every_ms: MINUTE }.run(worker).await }
    }));
    let buyers = join_all(members.iter().map(|&member| service.run(place(member, goods, PayWith::Balance))));
    let (runs, bought) = join(workers, buyers).await;
    assert!(bought.iter().all(Result::is_ok), "{bought:?}");
    let runs: Vec<_> = runs.into_iter().map(|run| run.expect("run")).collect();
    let released: i64 = runs.iter().map(|counts| counts["released"]).sum();
    assert_eq!(released, LAPSED, "each order is released by one worker: {runs:?}");
    assert!(runs.iter().all(|counts| (counts["failed"], counts["rolled_back"]) == (0, 0)), "{runs:?}");
    assert_eq!(taken(&service, goods).await, 20);
    let told = "SELECT COUNT(*) FROM audits WHERE action = 'shop_order.expire'";
    assert_eq!(number(&service, told).await, LAPSED);
    let noted = "SELECT COUNT(*) FROM shop_orders WHERE status = 'expired' AND notes LIKE '%订单超时已过期%'";
    assert_eq!(number(&service, noted).await, LAPSED);
    common::books_are_right(&service).await;
    service.stop().await;
    if let Some(other) = other {
        other.stop().await;
    }
}

/// The pieces that one command takes are more than the claims that it reads at a time.
async fn a_heap_of_lapsed_claims_gives_way(home: Home) {
    let service = start_with_jobs(&home.url()).await;
    let members = rich(&service, 3).await;
    let tea = product(&service, 2_500).await;
    lapse_many(&home, members[0], tea, 2_500).await;
    let goods = Goods::Pieces { product: tea };
    let thousand = |member: MemberId| {
        let notes = String::new().try_into().expect("a note");
        let (quantity, delivery) = (Quantity::try_from(999).expect("a quantity"), Delivery::PickUp);
        let order = PlaceShopOrder { member, goods, quantity, pay_with: PayWith::Balance, delivery, notes };
        request(member, shop(ShopCommand::Place(order)))
    };
    let bought = join_all(members.iter().map(|&member| service.run(thousand(member)))).await;
    let refused: Vec<_> = bought.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.iter().map(code).collect::<Vec<_>>(), [Code::OutOfStock], "two of three fit into 2,500 pieces");
    let run = ReleaseExpiredOrders { every_ms: MINUTE }.run(&service).await.expect("run");
    assert_eq!((run["released"], taken(&service, goods).await), (2_500, 1_998));
    common::books_are_right(&service).await;
    service.stop().await;
}

on_both! {
    heap_on_sqlite, heap_on_postgres: a_heap_of_lapsed_orders;
    heap_gives_way_on_sqlite, heap_gives_way_on_postgres: a_heap_of_lapsed_claims_gives_way;
}

/// A picture is removed once no product has shown it for a day, and not before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_on_no_product_are_tidied_away() {
    let home = sqlite_home();
    let folder = testing::TempDir::new();
    let mut settings = with_jobs();
    settings.pictures = Some(Pictures::in_folder(folder.path().to_owned()));
    let service = start(&home.url(), settings).await;
    let pictures = service.pictures().expect("pictures");
    let rice = product(&service, 1).await;
    let (now, long_ago) = (service.now(), service.now().plus_millis(-25 * 60 * MINUTE));
    let mut kept = Vec::new();
    for (width, at) in [(1, long_ago), (2, long_ago), (3, now)] {
        kept.push(pictures.keep(png(width), at).await.expect("written").expect("a picture"));
    }
    let patch = ProductPatch { pictures: Some(vec![kept[0].clone()]), ..ProductPatch::default() };
    let edit = ShopCommand::EditProduct(EditProduct { product: rice, patch });
    service.run(Request::by_house(shop(edit))).await.expect("edited");
    let run = TidyPictures.run(&service).await.expect("run");
    assert_eq!(run["removed"], 1);
    for (picture, is_there) in kept.iter().zip([true, false, true]) {
        let read = pictures.read(&PictureName::of(picture), service.now()).await.expect("read");
        assert_eq!(read.is_some(), is_there, "{} points wide", picture.width);
    }
    service.stop().await;
}

fn png(width: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(b"\0\0\0\x01\x08\x02\0\0\0\0\0\0\0\0\0\0\0IEND\xaeB`\x82");
    bytes
}
