//! A member's own past: the profile and the orders.

use http_api::Limits;
use kernel::{Command, MealId, Outcome, PlaceOrder, Quantity, Role};
use serde_json::{Value, json};

use crate::support::{Home, Person, Server, on_both_engines};

async fn history(server: &Server, person: &Person, query: &str) -> Value {
    let path = format!("GET /api/v1/users/orders/history{query}");
    server.ask(&path).by(person).send().await.data().clone()
}

async fn profile(server: &Server, person: &Person) -> Value {
    server.ask("GET /api/v1/users/profile").by(person).send().await.data().clone()
}

async fn order(server: &Server, person: &Person, meal: i64, quantity: i64) -> Value {
    let body = json!({"meal_id": meal, "quantity": quantity});
    server.ask("POST /api/v1/orders").by(person).json(&body).await.data()["order_id"].clone()
}

fn ids(page: &Value) -> Vec<Value> {
    let orders = page["orders"].as_array().expect("orders");
    orders.iter().map(|order| order["order_id"].clone()).collect()
}

fn no_orders() -> Value {
    json!({
        "general": {"total_orders": 0, "total_spent_cents": 0, "total_meals": 0, "total_days": 0},
        "by_status": [], "by_slot": [], "recent_trend": [],
    })
}

on_both_engines! {
    async fn nothing_ordered_is_a_history_too(server: Server) {
        let member = server.person(Role::Member).await;
        let page_info = json!({"limit": 50, "offset": 0, "has_more": false});
        let empty = json!({"orders": [], "total_count": 0, "page_info": page_info, "statistics": no_orders()});
        assert_eq!(history(&server, &member, "").await, empty);
        let expected = json!({
            "user_info": {
                "user_id": member.id, "openid": null, "nickname": "Person 1", "avatar_url": null, "balance_cents": 0,
                "is_admin": false, "created_at": "2026-01-05T02:00:00.000Z",
            },
            "recent_activity": {"recent_orders": 0, "recent_spent_cents": 0, "recent_meal_days": 0},
            "lifetime_stats": {"total_orders": 0, "total_spent_cents": 0},
        });
        assert_eq!(profile(&server, &member).await, expected);
    }

    async fn one_order_is_shown_to_the_last_field(server: Server) {
        let admin = server.person(Role::Admin).await;
        let member = server.person_with(Role::Member, |add| add.openid = Some(server.openid("oWX-1234567890"))).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let body = json!({"meal_id": meal, "quantity": 2, "selected_options": [{"id": 1}]});
        let id = server.ask("POST /api/v1/orders").by(&member).json(&body).await.data()["order_id"].clone();
        let expected = json!({
            "orders": [{
                "order_id": id, "meal_id": meal, "quantity": 2,
                "selected_options": [{"id": 1, "name": "鸡腿", "price_cents": 300}], "total_price_cents": 3600,
                "order_status": "active", "order_time": "2026-01-05T02:00:00.000Z", "meal_date": "2026-01-06",
                "meal_slot": "lunch", "meal_description": "", "meal_status": "published",
            }],
            "total_count": 1,
            "page_info": {"limit": 50, "offset": 0, "has_more": false},
            "statistics": {
                "general": {"total_orders": 1, "total_spent_cents": 3600, "total_meals": 2, "total_days": 1},
                "by_status": [{"status": "active", "count": 1, "total_cents": 3600}],
                "by_slot": [{"slot": "lunch", "count": 1, "total_cents": 3600}],
                "recent_trend": [{"date": "2026-01-06", "orders_count": 1, "daily_spent_cents": 3600}],
            },
        });
        assert_eq!(history(&server, &member, "").await, expected);
        let shown = profile(&server, &member).await;
        assert_eq!((&shown["user_info"]["openid"], &shown["user_info"]["balance_cents"]), (&json!("oWX-1234567890"), &json!(-3600)));
        assert_eq!(shown["recent_activity"], json!({"recent_orders": 1, "recent_spent_cents": 3600, "recent_meal_days": 1}));
        assert_eq!(shown["lifetime_stats"], json!({"total_orders": 1, "total_spent_cents": 3600}));
        assert_eq!(profile(&server, &admin).await["user_info"]["is_admin"], json!(true));
    }

    async fn what_stands_counts_and_what_ended_is_listed(server: Server) {
        let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
        let mut orders = Vec::new();
        let mut meals = Vec::new();
        for day in 6..10 {
            meals.push(server.meal(&admin, &format!("2026-01-{day:02}"), 10).await);
            orders.push(order(&server, &member, meals[day - 6], 1).await);
        }
        // Somebody else's order is nobody else's business.
        order(&server, &admin, meals[0], 5).await;
        server.ask(&format!("DELETE /api/v1/orders/{}", orders[1])).by(&member).send().await.data();
        server.ask(&format!("POST /api/v1/meals/{}/lock", meals[2])).by(&admin).send().await.data();
        for step in ["lock", "complete"] {
            server.ask(&format!("POST /api/v1/meals/{}/{step}", meals[3])).by(&admin).send().await.data();
        }
        server.ask(&format!("POST /api/v1/meals/{}/cancel", meals[0])).by(&admin).send().await.data();

        let all = history(&server, &member, "").await;
        let newest_first: Vec<_> = orders.iter().rev().cloned().collect();
        assert_eq!(ids(&all), newest_first);
        let states = |page: &Value, field: &str| page["orders"].as_array().expect("orders").iter().map(|order| order[field].clone()).collect::<Vec<_>>();
        assert_eq!(states(&all, "order_status"), ["completed", "locked", "canceled", "refunded"]);
        assert_eq!(states(&all, "meal_status"), ["completed", "locked", "published", "canceled"]);
        let statistics = json!({
            "general": {"total_orders": 2, "total_spent_cents": 3000, "total_meals": 2, "total_days": 2},
            "by_status": [
                {"status": "locked", "count": 1, "total_cents": 1500}, {"status": "completed", "count": 1, "total_cents": 1500},
                {"status": "canceled", "count": 1, "total_cents": 1500}, {"status": "refunded", "count": 1, "total_cents": 1500},
            ],
            "by_slot": [{"slot": "lunch", "count": 2, "total_cents": 3000}],
            "recent_trend": [
                {"date": "2026-01-09", "orders_count": 1, "daily_spent_cents": 1500},
                {"date": "2026-01-08", "orders_count": 1, "daily_spent_cents": 1500},
            ],
        });
        assert_eq!(all["statistics"], statistics);
        assert_eq!(profile(&server, &member).await["lifetime_stats"], json!({"total_orders": 2, "total_spent_cents": 3000}));

        // A state narrows the list; the statistics show all states side by side.
        let locked = history(&server, &member, "?status=locked").await;
        assert_eq!((ids(&locked), &locked["total_count"]), (vec![orders[2].clone()], &json!(1)));
        assert_eq!(locked["statistics"], statistics);
        let active = history(&server, &member, "?status=active").await;
        assert_eq!((ids(&active), &active["total_count"]), (vec![], &json!(0)));

        let page = history(&server, &member, "?limit=2&offset=1").await;
        assert_eq!(ids(&page), newest_first[1..3]);
        assert_eq!(page["page_info"], json!({"limit": 2, "offset": 1, "has_more": true}));
        let last = history(&server, &member, "?limit=2&offset=2").await;
        assert_eq!((ids(&last), &last["page_info"]["has_more"]), (newest_first[2..].to_vec(), &json!(false)));
        assert_eq!(ids(&history(&server, &member, "?offset=4").await), [] as [Value; 0]);

        let some = history(&server, &member, "?start_date=2026-01-07&end_date=2026-01-08").await;
        assert_eq!((ids(&some), &some["total_count"]), (vec![orders[2].clone(), orders[1].clone()], &json!(2)));
        let general = json!({"total_orders": 1, "total_spent_cents": 1500, "total_meals": 1, "total_days": 1});
        assert_eq!(some["statistics"]["general"], general);
        assert_eq!(some["statistics"]["by_status"].as_array().map(Vec::len), Some(2));
        let both = history(&server, &member, "?start_date=2026-01-07&end_date=2026-01-07&status=canceled").await;
        assert_eq!(ids(&both), [orders[1].clone()]);
        assert_eq!(history(&server, &member, "?end_date=2026-01-05").await["statistics"], no_orders());
        server.books_are_right().await;
    }

    async fn a_wrong_question_is_named(server: Server) {
        let member = server.person(Role::Member).await;
        let ask = |query: &str| server.ask(&format!("GET /api/v1/users/orders/history{query}")).by(&member).send();
        assert_eq!(ask("?start_date=2026-01-02&end_date=2026-01-01").await.wrong_fields(), ["start_date"]);
        assert_eq!(ask("?status=eaten&start_date=x&limit=101&offset=-1&page=1").await.wrong_fields(), ["status", "start_date", "limit", "offset", "page"]);
    }

    async fn what_others_book_and_pay_is_ones_own(server: Server) {
        let admin = server.person(Role::Admin).await;
        let body = json!({"code": "KITCHEN", "name": "后厨", "pays": "department"});
        let made = server.ask("POST /api/v1/admin/departments").by(&admin).json(&body).await;
        let department = made.data()["department_id"].clone();
        let member = server.person_with(Role::Member, |add| add.department = Some("KITCHEN".to_owned().try_into().expect("a code"))).await;
        let meal = server.meal(&admin, "2026-01-06", 10).await;
        let place = PlaceOrder {
            member: member.id,
            meal: MealId::new(meal),
            quantity: Quantity::ONE,
            options: Vec::new(),
            notes: String::new().try_into().expect("a note"),
            pickup_window: None,
        };
        let mut request = service::Request::by_house(Command::PlaceOrder(place));
        request.actor.member = Some(admin.id);
        let Outcome::Order(placed) = server.service.run(request).await.expect("placed") else { panic!("no order") };

        let page = history(&server, &member, "").await;
        let row = &page["orders"][0];
        assert_eq!((&row["order_id"], &row["placed_by"]), (&json!(placed.order.id), &json!(admin.id)));
        assert_eq!(row["paid_by"], json!({"department_id": department, "name": "后厨"}));
        assert_eq!(page["statistics"]["general"]["total_spent_cents"], json!(1500));
        assert_eq!(profile(&server, &member).await["user_info"]["balance_cents"], json!(0));
        assert_eq!(history(&server, &admin, "").await["total_count"], json!(0));
    }
}

/// Half past midnight on the first of February in Shanghai, while it is still January in UTC.
async fn the_month_turns_in_the_configured_zone(home: Home) {
    let server = Server::start_at("2026-01-31T16:30:00Z", home, Limits::default(), |_| {}).await;
    let (admin, member) = (server.person(Role::Admin).await, server.person(Role::Member).await);
    for date in ["2026-01-01", "2026-01-02", "2026-01-31", "2026-02-01"] {
        let meal = server.meal(&admin, date, 10).await;
        order(&server, &member, meal, 1).await;
    }
    let recent = json!({"recent_orders": 3, "recent_spent_cents": 4500, "recent_meal_days": 3});
    let shown = profile(&server, &member).await;
    assert_eq!(shown["recent_activity"], recent);
    assert_eq!(shown["lifetime_stats"]["total_orders"], json!(4));
    let all = history(&server, &member, "").await;
    let trend = all["statistics"]["recent_trend"].as_array().expect("a trend");
    let days: Vec<_> = trend.iter().map(|day| day["date"].as_str()).collect();
    assert_eq!(days, [Some("2026-02-01"), Some("2026-01-31"), Some("2026-01-02")]);
    assert_eq!(all["statistics"]["general"]["total_days"], json!(4));
    let january = history(&server, &member, "?start_date=2026-01-01&end_date=2026-01-31").await;
    assert_eq!(january["total_count"], json!(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_month_turns_on_sqlite() {
    the_month_turns_in_the_configured_zone(Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_month_turns_on_postgres() {
    the_month_turns_in_the_configured_zone(Home::postgres()).await;
}
