//! Whom the house talks with outside, and how that has gone lately.

use kernel::{AlertChannel, Instant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::connections::{self as queries, Heard, Sent};

use crate::{Failure, Service, first_id_at};

const DAY_MS: i64 = 24 * 3_600_000;
/// More messages than this tell nothing more.
const MOST_MESSAGES: i64 = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Partner {
    WechatSignIn,
    WechatPay,
    PayScore,
    CabinetVendor,
    Erp,
    Wecom,
    Dingtalk,
    Feishu,
    Webhook,
    Mail,
}

/// How it goes with a partner; what was sent is of the last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    pub partner: Partner,
    pub is_configured: bool,
    /// When it told something last; absent where it never has, or never does.
    pub heard_at: Option<Instant>,
    pub delivered: i64,
    /// What was tried and has not arrived.
    pub failing: i64,
    /// Why the newest of these has not.
    pub error: Option<String>,
}

impl From<AlertChannel> for Partner {
    fn from(channel: AlertChannel) -> Self {
        match channel {
            AlertChannel::Wecom => Self::Wecom,
            AlertChannel::Dingtalk => Self::Dingtalk,
            AlertChannel::Feishu => Self::Feishu,
            AlertChannel::Webhook => Self::Webhook,
            AlertChannel::Mail => Self::Mail,
        }
    }
}

/// The part that alerts and reports have in common.
#[derive(Deserialize)]
struct Told {
    channel: AlertChannel,
}

/// Whom a message is for; absent where it is nobody that this program knows.
fn addressee(message: &Sent) -> Option<Partner> {
    match message.topic.as_str() {
        "wechat-refund" => Some(Partner::WechatPay),
        "pay-score" => Some(Partner::PayScore),
        "cabinet-open" => Some(Partner::CabinetVendor),
        "erp-sales" => Some(Partner::Erp),
        "alerts" | "reports" => serde_json::from_str(&message.body).ok().map(|Told { channel }| channel.into()),
        _ => None,
    }
}

impl Service {
    pub async fn connections(&self) -> Result<Vec<Connection>, Failure> {
        let Heard { wechat, vendor, erp } = queries::heard(self.store()).await?;
        let pay = self.pay_settings();
        let channels = self.alerts().channel_names();
        let mut partners = vec![
            (Partner::WechatSignIn, self.mini_program().is_some(), None),
            (Partner::WechatPay, pay.is_some(), wechat),
            (Partner::PayScore, pay.is_some_and(|pay| pay.score.is_some()), None),
            (Partner::CabinetVendor, self.vendor().is_some(), vendor),
            (Partner::Erp, self.erp().is_some(), erp),
        ];
        partners.extend(AlertChannel::ALL.iter().map(|&channel| (channel.into(), channels.contains(&channel), None)));
        let mut connections: Vec<_> = partners
            .into_iter()
            .map(|(partner, is_configured, heard_at)| Connection {
                partner,
                is_configured,
                heard_at,
                delivered: 0,
                failing: 0,
                error: None,
            })
            .collect();
        let from = first_id_at(self.now().plus_millis(-DAY_MS));
        for message in queries::sent(self.store(), from, MOST_MESSAGES).await? {
            let addressee = addressee(&message);
            let connection = connections.iter_mut().find(|connection| Some(connection.partner) == addressee);
            let Some(connection) = connection else { continue };
            if message.is_delivered {
                connection.delivered += 1;
            } else if message.error.is_some() {
                connection.failing += 1;
                connection.error = connection.error.take().or(message.error);
            }
        }
        Ok(connections)
    }
}
