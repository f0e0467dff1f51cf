//! What the server writes into its log about the orders that it looks after, line by line, and what it counts.

#![cfg(test)]

mod common;

use std::fs::File;
use std::thread;
use std::time::Duration;

use common::Home;
use common::till::{Till, command};
use serde_json::{Value, json};

const DUE: &str = "UPDATE topups SET next_check_at = 0 WHERE status = 'pending'";

#[test]
fn the_log_tells_of_every_run_and_every_order() {
    let mut till = Till::open(Home::sqlite());
    let orders: Vec<String> = (0..3)
        .map(|_| {
            let key = till.key();
            till.create(&key).expect("the server is there")
        })
        .collect();
    let [paid, unpaid, closed] = orders.as_slice() else { panic!("three orders") };
    till.pay(paid, &json!({"lose": true}));
    till.act(&format!("/sim/orders/{closed}/close"), &json!({}));
    till.tamper(DUE);

    let folder = testing::TempDir::new();
    let lines = run_until_stopped(&mut till, &folder.join("first.log"), "Order compensation job completed");
    let said = |message: &str| told(&lines, message);
    assert_eq!(said("Order compensation job started")[0], json!({"interval_mins": 5}));
    assert_eq!(said("Found pending orders for compensation"), [json!({"count": 3})]);
    let mut states = said("Compensation: WeChat order status");
    let by_order = |state: &Value| state["order_no"].to_string();
    states.sort_by_key(by_order);
    let mut expected = vec![
        json!({"order_no": paid, "wechat_status": "SUCCESS"}),
        json!({"order_no": unpaid, "wechat_status": "NOTPAY"}),
        json!({"order_no": closed, "wechat_status": "CLOSED"}),
    ];
    expected.sort_by_key(by_order);
    assert_eq!(states, expected);
    assert_eq!(said("Order compensated successfully"), [json!({"order_no": paid})]);
    let mut completed = said("Order compensation job completed");
    assert!(completed[0]["duration_ms"].is_u64(), "{completed:?}");
    completed[0].as_object_mut().expect("fields").remove("duration_ms");
    assert_eq!(completed, [json!({"total": 3, "success": 1, "failed": 0})]);
    assert_eq!(said("Order compensation job stopped"), [json!({})]);
    till.balance += 1000;

    // A query that fails is told with its order, and a run without orders says so.
    till.tamper(DUE);
    till.act("/sim/faults", &json!({"kind": "system_error", "path": "/out-trade-no/", "times": 1}));
    let lines = run_until_stopped(&mut till, &folder.join("second.log"), "Order compensation job completed");
    let failed = told(&lines, "Failed to query wechat order");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["order_no"], json!(unpaid));
    assert!(failed[0]["error"].as_str().is_some_and(|error| error.contains("SYSTEM_ERROR")), "{failed:?}");
    let lines = run_until_stopped(&mut till, &folder.join("third.log"), "No pending orders to compensate");
    assert_eq!(told(&lines, "Order compensation job completed")[0]["total"], json!(0));
    till.come_back();
    till.agree("compensation");
}

/// The lines of a server that runs until one of them says `message`, and is stopped then.
fn run_until_stopped(till: &mut Till, file: &std::path::Path, message: &str) -> Vec<Value> {
    let log = File::create(file).expect("a file");
    let mut command = command(&till.home, &till.world, &till.door);
    command.env("FANPIAO_LOG__FILTER", "info").env("FANPIAO_LOG__FORMAT", "json").stderr(log);
    till.serve_as(&mut command);
    for tries in 0.. {
        assert!(tries < 1200, "{message} is never said: {}", std::fs::read_to_string(file).unwrap_or_default());
        if !told(&read(file), message).is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    till.stop();
    read(file)
}

/// The last line may still be on its way.
fn read(file: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("read");
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The fields of every line with this message.
fn told(lines: &[Value], message: &str) -> Vec<Value> {
    let fields = lines.iter().map(|line| &line["fields"]).filter(|fields| fields["message"] == message);
    let without_message = |fields: &Value| {
        let mut fields = fields.clone();
        fields.as_object_mut().expect("an object").remove("message");
        fields
    };
    fields.map(without_message).collect()
}
