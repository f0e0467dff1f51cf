//! What a server with everything configured shows of its settings.

#![cfg(test)]

mod common;

use common::{Home, Process, ask, fanpiao, must_add_admin, sign_in_admin};
use serde_json::Value;

const HIDDEN: &str = "hidden-hidden-hidden-hidden-hidd";

/// Every secret that the other tests have none of, and what is needed with it.
const SETTINGS: [(&str, &str); 30] = [
    ("SHOP__BUCKET", "https://b.example.com"),
    ("SHOP__BUCKET_REGION", "r"),
    ("SHOP__BUCKET_KEY_ID", "k"),
    ("SHOP__BUCKET_SECRET", HIDDEN),
    ("WECHAT__APP_SECRET", HIDDEN),
    ("WECHAT__MCHID", sim::pay::MCHID),
    ("WECHAT__CERTIFICATE_SERIAL", sim::pay::MERCHANT_SERIAL),
    ("WECHAT__PRIVATE_KEY", sim::pay::MERCHANT_PRIVATE_KEY_PEM),
    ("WECHAT__APIV3_KEY", HIDDEN),
    ("WECHAT__PUBLIC_KEY_ID", sim::pay::PUBLIC_KEY_ID),
    ("WECHAT__PUBLIC_KEY", sim::pay::PUBLIC_KEY_PEM),
    ("WECHAT__NOTIFY_URL", "https://canteen.example.com/api/v1"),
    ("CABINET__VENDOR", "vendor"),
    ("CABINET__VENDOR_SECRET", HIDDEN),
    ("CABINET__VENDOR_URL", "https://vendor.example.com"),
    ("CABINET__CALLBACK_URL", "https://canteen.example.com/api/v1"),
    ("ERP__PARTNER", "erp"),
    ("ERP__SECRET", HIDDEN),
    ("ALERTS__WECOM_URL", "https://wecom.example.com/?key=hidden"),
    ("ALERTS__DINGTALK_URL", "https://dingtalk.example.com/?key=hidden"),
    ("ALERTS__DINGTALK_SECRET", HIDDEN),
    ("ALERTS__FEISHU_URL", "https://feishu.example.com/hidden"),
    ("ALERTS__FEISHU_SECRET", HIDDEN),
    ("ALERTS__WEBHOOK_URL", "https://hook.example.com/hidden"),
    ("ALERTS__WEBHOOK_SECRET", HIDDEN),
    ("ALERTS__MAIL_HOST", "mail.example.com"),
    ("ALERTS__MAIL_ACCOUNT", "canteen"),
    ("ALERTS__MAIL_PASSWORD", HIDDEN),
    ("ALERTS__MAIL_FROM", "canteen@example.com"),
    ("ALERTS__MAIL_TO", "office@example.com"),
];

#[test]
fn no_secret_is_in_the_answer() {
    let home = Home::sqlite();
    must_add_admin(&home);
    let mut command = fanpiao(&home);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.envs(SETTINGS.map(|(name, value)| (format!("FANPIAO_{name}"), value)));
    let server = Process::start(&mut command);
    let bearer = format!("Bearer {}", sign_in_admin(server.address));
    let asked = ask(server.address, "GET", "/api/v1/admin/settings", &[("Authorization", &bearer)], "");
    let (status, answer) = asked.expect("answered");
    assert_eq!(status, 200, "{answer}");
    let key = sim::pay::MERCHANT_PRIVATE_KEY_PEM.lines().nth(1).expect("a key");
    for secret in ["hidden", key, sim::APP_SECRET, common::DATA_KEY] {
        assert!(!answer.to_string().contains(secret), "{secret:?} is in {answer}");
    }
    let rows = answer["data"]["settings"].as_array().expect("settings");
    let secrets: Vec<_> = rows.iter().filter(|row| row["is_secret"] == true).collect();
    assert!(secrets.len() >= 15 && secrets.iter().all(|row| row["is_set"] == true && row["value"] == Value::Null));
    let row = |key: &str| rows.iter().find(|row| row["key"] == key).expect("listed");
    assert_eq!(
        (&row("wechat.app_secret")["source"], &row("house.zone")["source"]),
        (&"environment".into(), &"default".into())
    );
    assert_eq!(
        (&row("server.listen")["source"], &row("cabinet.max_cents")["value"]),
        (&"command".into(), &20_000.into())
    );
    let connections = answer["data"]["connections"].as_array().expect("connections");
    assert!(connections.iter().filter(|one| one["partner"] != "pay_score").all(|one| one["is_configured"] == true));
}
