//! Who may call what, endpoint by endpoint.

use std::collections::BTreeMap;

use http_api::Access::{self, Needs, Public, SignedIn};
use kernel::{Permission, Role};

use crate::support::{Home, Server};

/// Every endpoint with who may call it. A new endpoint belongs in here before it belongs anywhere else.
const EXPECTED: &[(&str, Access)] = &[
    ("DELETE /api/v1/admin/members/{user_id}/sessions", Needs(Permission::MemberWrite)),
    ("DELETE /api/v1/auth/sessions", SignedIn),
    ("DELETE /api/v1/auth/sessions/{session_id}", SignedIn),
    ("DELETE /api/v1/admin/departments/{department_id}/admins/{user_id}", Needs(Permission::DepartmentWrite)),
    ("POST /api/v1/admin/departments/{department_id}/adjust", Needs(Permission::WalletWrite)),
    ("POST /api/v1/admin/departments/{department_id}/fund", Needs(Permission::WalletWrite)),
    ("POST /api/v1/orders/redeem", Needs(Permission::OrderRedeem)),
    ("PUT /api/v1/admin/departments/{department_id}", Needs(Permission::DepartmentWrite)),
    ("PUT /api/v1/admin/departments/{department_id}/admins/{user_id}", Needs(Permission::DepartmentWrite)),
    ("DELETE /api/dining/enhanced/department-orders/{orderId}", Needs(Permission::DepartmentBook)),
    ("DELETE /api/dining/enhanced/department-orders/{orderId}/members/{userId}", Needs(Permission::DepartmentBook)),
    ("GET /api/dining/enhanced/department-orders", Needs(Permission::DepartmentBook)),
    ("GET /api/dining/enhanced/department-orders/export", Needs(Permission::DepartmentBook)),
    ("GET /api/dining/enhanced/department-overview", Needs(Permission::DepartmentBook)),
    ("GET /api/dining/enhanced/department-stats", Needs(Permission::DepartmentBook)),
    ("GET /api/dining/enhanced/dept-members", Needs(Permission::DepartmentBook)),
    ("GET /api/dining/enhanced/menu", Needs(Permission::DepartmentBook)),
    ("POST /api/dining/enhanced/batch-orders", Needs(Permission::DepartmentBook)),
    ("POST /api/dining/enhanced/department-order", Needs(Permission::DepartmentBook)),
    ("POST /api/dining/enhanced/quick-batch-orders", Needs(Permission::DepartmentBook)),
    ("DELETE /api/v1/orders/{order_id}", Needs(Permission::OrderPlace)),
    ("GET /api/v1/admin/audit", Needs(Permission::AuditRead)),
    ("GET /api/v1/admin/audit/export", Needs(Permission::AuditRead)),
    ("GET /api/v1/admin/consistency", Needs(Permission::ConsistencyRead)),
    ("GET /api/v1/admin/departments/import/template", Needs(Permission::DepartmentWrite)),
    ("GET /api/v1/admin/members/import/template", Needs(Permission::MemberWrite)),
    ("POST /api/v1/admin/departments/import", Needs(Permission::DepartmentWrite)),
    ("POST /api/v1/admin/members/import", Needs(Permission::MemberWrite)),
    ("GET /api/v1/admin/departments", Needs(Permission::MemberRead)),
    ("GET /api/v1/admin/departments/export", Needs(Permission::MemberRead)),
    ("GET /api/v1/admin/departments/{department_id}", Needs(Permission::MemberRead)),
    ("GET /api/v1/admin/departments/{department_id}/ledger", Needs(Permission::WalletRead)),
    ("GET /api/v1/admin/departments/{department_id}/ledger/export", Needs(Permission::WalletRead)),
    ("GET /api/v1/admin/alerts", Needs(Permission::AlertRead)),
    ("GET /api/v1/admin/alerts/export", Needs(Permission::AlertRead)),
    ("GET /api/v1/admin/alerts/rules", Needs(Permission::AlertRead)),
    ("PUT /api/v1/admin/alerts/rules/{rule}/silence", Needs(Permission::AlertWrite)),
    ("DELETE /api/v1/admin/alerts/rules/{rule}/silence", Needs(Permission::AlertWrite)),
    ("POST /api/v1/admin/alerts/channels/{channel}/test", Needs(Permission::AlertWrite)),
    ("GET /api/v1/admin/reports", Needs(Permission::ReportRead)),
    ("GET /api/v1/admin/reports/{kind}/{date}", Needs(Permission::ReportRead)),
    ("GET /api/v1/admin/reports/{kind}/{date}/export", Needs(Permission::ReportRead)),
    ("GET /api/v1/admin/settings", Needs(Permission::SettingsRead)),
    ("GET /api/v1/admin/exceptions", Needs(Permission::ExceptionRead)),
    ("GET /api/v1/admin/exceptions/export", Needs(Permission::ExceptionRead)),
    ("POST /api/v1/admin/exceptions/{exception_id}/assign", Needs(Permission::ExceptionSettle)),
    ("POST /api/v1/admin/exceptions/{exception_id}/resolve", Needs(Permission::ExceptionSettle)),
    ("GET /api/v1/admin/reconciliations", Needs(Permission::ConsistencyRead)),
    ("GET /api/v1/admin/reconciliations/export", Needs(Permission::ConsistencyRead)),
    ("GET /api/v1/admin/refunds", Needs(Permission::WalletRead)),
    ("GET /api/v1/admin/refunds/export", Needs(Permission::WalletRead)),
    ("POST /api/v1/admin/refunds", Needs(Permission::WalletWrite)),
    ("GET /api/v1/admin/topups", Needs(Permission::WalletRead)),
    ("GET /api/v1/admin/topups/export", Needs(Permission::WalletRead)),
    ("GET /api/v1/admin/topups/totals", Needs(Permission::WalletRead)),
    ("GET /api/v1/recharge/orders", Needs(Permission::WalletOwn)),
    ("GET /api/v1/recharge/orders/{order_no}", Needs(Permission::WalletOwn)),
    ("POST /api/v1/recharge/orders", Needs(Permission::WalletOwn)),
    ("POST /api/v1/recharge/orders/{order_no}/pay", Needs(Permission::WalletOwn)),
    ("POST /api/v1/recharge/orders/{order_no}/query", Needs(Permission::WalletOwn)),
    ("POST /api/v1/callbacks/wechat/pay", Public),
    ("POST /api/v1/callbacks/wechat/refund", Public),
    ("GET /api/v1/admin/jobs", Needs(Permission::JobRun)),
    ("GET /api/v1/admin/jobs/{name}/runs", Needs(Permission::JobRun)),
    ("GET /api/v1/admin/jobs/{name}/runs/export", Needs(Permission::JobRun)),
    ("DELETE /api/v1/admin/members/{user_id}/roles/{role}", Needs(Permission::MemberWrite)),
    ("DELETE /api/v1/admin/roles/{role}", Needs(Permission::RoleWrite)),
    ("GET /api/v1/admin/permissions", Needs(Permission::MemberRead)),
    ("GET /api/v1/admin/roles", Needs(Permission::MemberRead)),
    ("GET /api/v1/admin/roles/{role}", Needs(Permission::MemberRead)),
    ("POST /api/v1/admin/roles", Needs(Permission::RoleWrite)),
    ("PUT /api/v1/admin/roles/{role}", Needs(Permission::RoleWrite)),
    ("POST /api/v1/admin/members", Needs(Permission::MemberWrite)),
    ("PUT /api/v1/admin/members/{user_id}", Needs(Permission::MemberWrite)),
    ("PUT /api/v1/admin/members/{user_id}/roles/{role}", Needs(Permission::MemberWrite)),
    ("GET /api/v1/admin/orders", Needs(Permission::MealReadOrders)),
    ("GET /api/v1/admin/orders/export", Needs(Permission::MealReadOrders)),
    ("GET /api/v1/admin/members", Needs(Permission::MemberRead)),
    ("GET /api/v1/admin/members/export", Needs(Permission::MemberRead)),
    ("GET /api/v1/admin/members/{user_id}", Needs(Permission::MemberRead)),
    ("GET /api/v1/admin/members/{user_id}/ledger", Needs(Permission::WalletRead)),
    ("GET /api/v1/admin/members/{user_id}/ledger/export", Needs(Permission::WalletRead)),
    ("GET /api/v1/admin/members/{user_id}/sessions", Needs(Permission::MemberRead)),
    ("GET /api/v1/admin/wallets/totals", Needs(Permission::WalletRead)),
    ("GET /api/v1/auth/me", SignedIn),
    ("GET /api/v1/auth/sessions", SignedIn),
    ("GET /api/v1/meals", Needs(Permission::MealRead)),
    ("GET /api/v1/meals/calendar", Needs(Permission::MealRead)),
    ("GET /api/v1/meals/{meal_id}", Needs(Permission::MealRead)),
    ("GET /api/v1/meals/{meal_id}/export", Needs(Permission::MealReadOrders)),
    ("GET /api/v1/meals/{meal_id}/kitchen", Needs(Permission::OrderRedeem)),
    ("GET /api/v1/meals/{meal_id}/kitchen/export", Needs(Permission::OrderRedeem)),
    ("GET /api/v1/meals/{meal_id}/pickup-list", Needs(Permission::OrderRedeem)),
    ("GET /api/v1/meals/{meal_id}/pickup-list/export", Needs(Permission::OrderRedeem)),
    ("GET /api/v1/meals/{meal_id}/orders", Needs(Permission::MealReadOrders)),
    ("GET /api/v1/orders/{order_id}", Needs(Permission::OrderPlace)),
    ("GET /api/v1/users/balance/export", Needs(Permission::WalletOwn)),
    ("GET /api/v1/users/balance/history", Needs(Permission::WalletOwn)),
    ("GET /api/v1/users/orders/history", Needs(Permission::OrderPlace)),
    ("GET /api/v1/users/profile", Needs(Permission::WalletOwn)),
    ("GET /api/v1/users/orders/export", Needs(Permission::OrderPlace)),
    ("GET /api/v1/subscriptions", Needs(Permission::OrderPlace)),
    ("GET /api/v1/subscriptions/export", Needs(Permission::OrderPlace)),
    ("GET /api/v1/subscriptions/{subscription_id}/runs", Needs(Permission::OrderPlace)),
    ("POST /api/v1/subscriptions", Needs(Permission::OrderPlace)),
    ("POST /api/v1/subscriptions/{subscription_id}/end", Needs(Permission::OrderPlace)),
    ("POST /api/v1/subscriptions/{subscription_id}/pause", Needs(Permission::OrderPlace)),
    ("POST /api/v1/subscriptions/{subscription_id}/resume", Needs(Permission::OrderPlace)),
    ("GET /docs", Public),
    ("GET /docs/configuration", Public),
    ("GET /health/live", Public),
    ("GET /health/ready", Public),
    ("GET /metrics", Public),
    ("GET /openapi.json", Public),
    ("POST /api/v1/admin/departments", Needs(Permission::DepartmentWrite)),
    ("POST /api/v1/admin/consistency/repair/balance", Needs(Permission::ConsistencyRepair)),
    ("POST /api/v1/admin/consistency/repair/capacity", Needs(Permission::ConsistencyRepair)),
    ("POST /api/v1/admin/consistency/repair/order-states", Needs(Permission::ConsistencyRepair)),
    ("POST /api/v1/admin/consistency/repair/pool", Needs(Permission::ConsistencyRepair)),
    ("POST /api/v1/admin/jobs/{name}/pause", Needs(Permission::JobRun)),
    ("POST /api/v1/admin/jobs/{name}/resume", Needs(Permission::JobRun)),
    ("POST /api/v1/admin/jobs/{name}/run", Needs(Permission::JobRun)),
    ("POST /api/v1/admin/members/{user_id}/adjust", Needs(Permission::WalletWrite)),
    ("POST /api/v1/auth/login", Public),
    ("POST /api/v1/auth/logout", SignedIn),
    ("POST /api/v1/auth/password", Public),
    ("POST /api/v1/auth/password/code", Public),
    ("POST /api/v1/auth/password/offer", Public),
    ("POST /api/v1/auth/password/confirm", Public),
    ("GET /api/v1/auth/second-factor", SignedIn),
    ("POST /api/v1/auth/second-factor/offer", SignedIn),
    ("POST /api/v1/auth/second-factor/confirm", SignedIn),
    ("POST /api/v1/auth/second-factor/recovery-codes", SignedIn),
    ("POST /api/v1/auth/second-factor/turn-off", SignedIn),
    ("GET /api/v1/admin/members/{user_id}/second-factor", Needs(Permission::MemberRead)),
    ("POST /api/v1/admin/members/{user_id}/erase", Needs(Permission::MemberErase)),
    ("GET /api/v1/admin/members/{user_id}/data/export", Needs(Permission::MemberExport)),
    ("GET /api/v1/admin/members/{user_id}/openid", Needs(Permission::PersonalOpenid)),
    ("GET /api/v1/admin/shop/orders/{order_no}/address", Needs(Permission::PersonalAddress)),
    ("GET /api/v1/users/data/export", SignedIn),
    ("POST /api/v1/users/erase", SignedIn),
    ("POST /api/v1/admin/members/{user_id}/second-factor/reset", Needs(Permission::MemberWrite)),
    ("POST /api/v1/meals", Needs(Permission::MealWrite)),
    ("POST /api/v1/meals/copy-week", Needs(Permission::MealWrite)),
    ("POST /api/v1/meals/{meal_id}/cancel", Needs(Permission::MealWrite)),
    ("POST /api/v1/meals/{meal_id}/complete", Needs(Permission::MealWrite)),
    ("POST /api/v1/meals/{meal_id}/lock", Needs(Permission::MealWrite)),
    ("POST /api/v1/meals/{meal_id}/publish", Needs(Permission::MealWrite)),
    ("POST /api/v1/meals/{meal_id}/repost", Needs(Permission::MealWrite)),
    ("POST /api/v1/meals/{meal_id}/unlock", Needs(Permission::MealWrite)),
    ("POST /api/v1/orders", Needs(Permission::OrderPlace)),
    ("POST /api/v1/orders/batch", Needs(Permission::OrderProcess)),
    ("POST /api/v1/users/balance/recharge", Needs(Permission::WalletWrite)),
    ("PUT /api/v1/admin/members/{user_id}/overdraft", Needs(Permission::WalletWrite)),
    ("PUT /api/v1/admin/members/{user_id}/status", Needs(Permission::MemberWrite)),
    ("PUT /api/v1/admin/members/{user_id}/password", Needs(Permission::MemberWrite)),
    ("PUT /api/v1/auth/password", SignedIn),
    ("PUT /api/v1/meals/{meal_id}", Needs(Permission::MealWrite)),
    ("PUT /api/v1/orders/{order_id}", Needs(Permission::OrderPlace)),
    ("DELETE /api/v1/shop/orders/{order_no}", Needs(Permission::ShopBuy)),
    ("GET /api/v1/admin/products", Needs(Permission::ShopWrite)),
    ("GET /api/v1/admin/products/export", Needs(Permission::ShopWrite)),
    ("GET /api/v1/admin/products/import/template", Needs(Permission::ShopWrite)),
    ("GET /api/v1/admin/products/{product_id}/stock", Needs(Permission::ShopWrite)),
    ("GET /api/v1/admin/products/{product_id}/stock/export", Needs(Permission::ShopWrite)),
    ("GET /api/v1/admin/shop/orders", Needs(Permission::ShopOrders)),
    ("GET /api/v1/admin/shop/orders/export", Needs(Permission::ShopOrders)),
    ("GET /api/v1/products", Needs(Permission::ShopRead)),
    ("GET /api/v1/products/{product_id}", Needs(Permission::ShopRead)),
    ("GET /api/v1/rounds", Needs(Permission::ShopRead)),
    ("GET /api/v1/admin/rounds/export", Needs(Permission::ShopOrders)),
    ("GET /api/v1/rounds/{round_id}", Needs(Permission::ShopRead)),
    ("GET /api/v1/rounds/{round_id}/proof", Needs(Permission::ShopRead)),
    ("GET /api/v1/shop/orders", Needs(Permission::ShopBuy)),
    ("GET /api/v1/shop/orders/{order_no}", Needs(Permission::ShopBuy)),
    ("POST /api/v1/admin/products", Needs(Permission::ShopWrite)),
    ("POST /api/v1/admin/products/import", Needs(Permission::ShopWrite)),
    ("POST /api/v1/admin/products/{product_id}/stock", Needs(Permission::ShopWrite)),
    ("POST /api/v1/admin/rounds", Needs(Permission::ShopWrite)),
    ("POST /api/v1/admin/rounds/{round_id}/cancel", Needs(Permission::ShopWrite)),
    ("POST /api/v1/admin/rounds/{round_id}/draw", Needs(Permission::ShopWrite)),
    ("POST /api/v1/admin/shop/orders/{order_no}/refund", Needs(Permission::ShopRefund)),
    ("POST /api/v1/admin/shop/orders/{order_no}/step", Needs(Permission::ShopOrders)),
    ("POST /api/v1/shop/orders", Needs(Permission::ShopBuy)),
    ("POST /api/v1/shop/orders/{order_no}/pay", Needs(Permission::ShopBuy)),
    ("POST /api/v1/shop/orders/{order_no}/query", Needs(Permission::ShopBuy)),
    ("GET /api/v1/pictures/{name}", Public),
    ("POST /api/v1/admin/pictures", Needs(Permission::ShopWrite)),
    ("GET /api/v1/admin/shop/stuck-orders", Needs(Permission::ShopOrders)),
    ("POST /api/v1/admin/shop/stuck-orders/{order_no}/retry", Needs(Permission::ShopRefund)),
    ("POST /api/v1/admin/shop/stuck-orders/{order_no}/resolve", Needs(Permission::ShopRefund)),
    ("PUT /api/v1/admin/products/{product_id}", Needs(Permission::ShopWrite)),
    ("GET /api/v1/admin/cabinet/corrections", Needs(Permission::CabinetCorrect)),
    ("GET /api/v1/admin/cabinet/corrections/export", Needs(Permission::CabinetCorrect)),
    ("GET /api/v1/admin/cabinet/orders", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/cabinet/orders/export", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/cabinet/sessions", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/cabinet/sessions/export", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/cabinet/devices/{device_code}/qr", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/complaints", Needs(Permission::ComplaintHandle)),
    ("GET /api/v1/admin/complaints/export", Needs(Permission::ComplaintHandle)),
    ("GET /api/v1/admin/stats/cabinet-devices", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/stats/cabinet-payments", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/stats/cabinet-sales", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/stats/settling", Needs(Permission::CabinetRead)),
    ("GET /api/v1/complaints", Needs(Permission::CabinetUse)),
    ("GET /api/v1/complaints/{complaint_id}", Needs(Permission::CabinetUse)),
    ("POST /api/v1/admin/complaints/{complaint_id}/answer", Needs(Permission::ComplaintHandle)),
    ("POST /api/v1/admin/complaints/{complaint_id}/assign", Needs(Permission::ComplaintHandle)),
    ("POST /api/v1/admin/complaints/{complaint_id}/close", Needs(Permission::ComplaintHandle)),
    ("POST /api/v1/admin/complaints/{complaint_id}/refund", Needs(Permission::CabinetCorrect)),
    ("POST /api/v1/complaints", Needs(Permission::CabinetUse)),
    ("POST /api/v1/complaints/pictures", Needs(Permission::CabinetUse)),
    ("GET /api/v1/admin/erp/sales/{date}", Needs(Permission::CabinetWrite)),
    ("POST /api/v1/admin/erp/sales/{date}/resend", Needs(Permission::CabinetWrite)),
    ("POST /api/v1/partner/erp/products", Public),
    ("GET /api/v1/partner/erp/sales", Public),
    ("GET /api/v1/admin/devices", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/devices/export", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/devices/{device_id}", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/stores", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/stores/export", Needs(Permission::CabinetRead)),
    ("GET /api/v1/admin/stores/{store_id}", Needs(Permission::CabinetRead)),
    ("GET /api/v1/cabinet/orders", Needs(Permission::CabinetUse)),
    ("GET /api/v1/cabinet/orders/{order_no}", Needs(Permission::CabinetUse)),
    ("GET /api/v1/cabinet/sessions", Needs(Permission::CabinetUse)),
    ("GET /api/v1/cabinet/tickets", Needs(Permission::CabinetUse)),
    ("GET /api/v1/admin/members/{user_id}/tickets", Needs(Permission::WalletRead)),
    ("GET /api/v1/cabinet/sessions/{session_no}", Needs(Permission::CabinetUse)),
    ("GET /api/v1/cabinet/sessions/{session_no}/events", Needs(Permission::CabinetUse)),
    ("POST /api/v1/admin/cabinet/corrections/{correction_id}/agree", Needs(Permission::CabinetCorrect)),
    ("POST /api/v1/admin/cabinet/corrections/{correction_id}/refuse", Needs(Permission::CabinetCorrect)),
    ("POST /api/v1/admin/cabinet/orders/{order_no}/correct", Needs(Permission::CabinetCorrect)),
    ("POST /api/v1/admin/devices", Needs(Permission::CabinetWrite)),
    ("POST /api/v1/admin/devices/{device_id}/stock", Needs(Permission::CabinetWrite)),
    ("POST /api/v1/admin/members/{user_id}/tickets", Needs(Permission::WalletWrite)),
    ("POST /api/v1/admin/stores", Needs(Permission::CabinetWrite)),
    ("POST /api/v1/cabinet/orders/{order_no}/pay", Needs(Permission::CabinetUse)),
    ("POST /api/v1/cabinet/scan", Needs(Permission::CabinetUse)),
    ("GET /api/v1/cabinet/pay-score", Needs(Permission::CabinetUse)),
    ("POST /api/v1/cabinet/pay-score", Needs(Permission::CabinetUse)),
    ("POST /api/v1/cabinet/sessions", Needs(Permission::CabinetUse)),
    ("POST /api/v1/callbacks/cabinet/devices", Public),
    ("POST /api/v1/callbacks/cabinet/doors", Public),
    ("POST /api/v1/callbacks/cabinet/exceptions", Public),
    ("POST /api/v1/callbacks/cabinet/orders", Public),
    ("PUT /api/v1/admin/devices/{device_id}", Needs(Permission::CabinetWrite)),
    ("PUT /api/v1/admin/devices/{device_id}/planogram", Needs(Permission::CabinetWrite)),
    ("PUT /api/v1/admin/stores/{store_id}", Needs(Permission::CabinetWrite)),
];

#[test]
fn every_endpoint_is_expected_and_every_expected_one_is_there() {
    let expected: BTreeMap<_, _> =
        EXPECTED.iter().map(|(endpoint, access)| ((*endpoint).to_owned(), format!("{access:?}"))).collect();
    let found: BTreeMap<_, _> = http_api::endpoints()
        .iter()
        .map(|endpoint| {
            let name = format!("{} {}", endpoint.method(), endpoint.path());
            (name, format!("{:?}", endpoint.access()))
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), EXPECTED.len());
}

fn somewhere(endpoint: &str) -> String {
    [
        "{meal_id}",
        "{name}",
        "{rule}",
        "{channel}",
        "{exception_id}",
        "{order_no}",
        "{order_id}",
        "{session_id}",
        "{user_id}",
        "{role}",
        "{orderId}",
        "{userId}",
        "{department_id}",
        "{product_id}",
        "{round_id}",
        "{store_id}",
        "{device_id}",
        "{date}",
        "{device_code}",
        "{session_no}",
    ]
    .iter()
    .fold(endpoint.to_owned(), |place, name| place.replace(name, "7"))
}

#[tokio::test]
async fn nobody_comes_in_without_a_token() {
    let server = Server::start(Home::sqlite()).await;
    for (endpoint, access) in EXPECTED {
        if *access == Public {
            continue;
        }
        let place = somewhere(endpoint);
        let answer = server.ask(&place).text("not even JSON").await;
        answer.failed(401, "INVALID_TOKEN");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{place}");
        for token in ["Bearer nobody", "Bearer ", "Basic dTpw", "nobody"] {
            let answer = server.ask(&place).header("authorization", token).send().await;
            answer.failed(401, "INVALID_TOKEN");
        }
    }
}

/// Some role lacks the permission, unless all have it; who lacks it is turned away before anything is read.
#[tokio::test]
async fn nobody_comes_in_without_the_permission() {
    let server = Server::start(Home::sqlite()).await;
    let mut refused = 0;
    for role in Role::ALL {
        let mut person = server.person(role).await;
        for (at, (endpoint, access)) in EXPECTED.iter().enumerate() {
            let Needs(permission) = access else { continue };
            // There are more endpoints than one person may ask at once.
            if at % 100 == 99 {
                person = server.person(role).await;
            }
            let place = somewhere(endpoint);
            let answer = server.ask(&place).by(&person).text("not even JSON").await;
            // Everybody is a member as well.
            let allowed = [role, Role::Member].iter().any(|role| role.permissions().contains(permission));
            if allowed {
                assert_ne!(answer.status.as_u16(), 403, "{place} for {role:?}");
            } else {
                answer.failed(403, "PERMISSION_DENIED");
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
}
