//! What people read of alerts in their groups.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kernel::{AlertMessage, AlertNews, AlertRule, AlertUnit, ToldAlert};

/// What a robot of WeCom takes at most is 2048 bytes; the others take more.
const MOST_BYTES: usize = 1900;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertLanguage {
    Chinese,
    English,
}

impl AlertLanguage {
    pub(crate) fn pick(self, chinese: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    pub(super) fn trial(self) -> &'static str {
        self.pick("饭票告警：这是一条测试消息", "Fanpiao alerts: this is only a test")
    }

    pub(super) fn text(self, message: &AlertMessage, zone: &TimeZone) -> String {
        let mut text = format!("{} {}", self.pick("饭票告警", "Fanpiao alerts"), message.alerts.len());
        for (at, told) in message.alerts.iter().enumerate() {
            let line = self.line(told, zone);
            if text.len() + line.len() > MOST_BYTES {
                let left = message.alerts.len() - at;
                // Writing into a String cannot fail.
                let _ = match self {
                    Self::Chinese => write!(text, "\n…… 还有 {left} 条，见管理后台"),
                    Self::English => write!(text, "\n… and {left} more in the console"),
                };
                break;
            }
            text.push('\n');
            text.push_str(&line);
        }
        text
    }

    fn line(self, told: &ToldAlert, zone: &TimeZone) -> String {
        let news = match told.news {
            AlertNews::Fires => self.pick("【触发】", "[fires] "),
            AlertNews::StillFires => self.pick("【仍在】", "[still fires] "),
            AlertNews::Resolved => self.pick("【恢复】", "[resolved] "),
        };
        let unit = match told.unit {
            AlertUnit::Count => "",
            AlertUnit::Percent => "%",
            AlertUnit::Minutes => self.pick(" 分钟", " min"),
            AlertUnit::Hours => self.pick(" 小时", " h"),
        };
        let rule = self.rule(told.rule);
        let subject = if told.subject.is_empty() { String::new() } else { format!(" {}", told.subject) };
        let since = Timestamp::from_millisecond(told.since.as_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
        let since = zone.to_datetime(since).strftime("%m-%d %H:%M");
        let ToldAlert { value, threshold, .. } = told;
        match self {
            Self::Chinese => format!("{news}{rule}{subject}：{value}{unit}（阈值 {threshold}{unit}），自 {since}"),
            Self::English => {
                format!("{news}{rule}{subject}: {value}{unit} (threshold {threshold}{unit}), since {since}")
            }
        }
    }

    /// What a rule has found.
    #[must_use]
    pub fn rule(self, rule: AlertRule) -> &'static str {
        match rule {
            AlertRule::TurnsAway => self.pick("队列已满，命令被拒", "Commands turned away by a full queue"),
            AlertRule::Faults => self.pick("服务器出错的应答", "Answers 500 and above"),
            AlertRule::JobFails => self.pick("任务连续失败", "A job keeps failing:"),
            AlertRule::JobLate => self.pick("任务未按时运行", "A job is late:"),
            AlertRule::OutboxOld => self.pick("待投递消息积压", "The outbox waits"),
            AlertRule::BooksWrong => self.pick("对账检查发现问题", "The check of the books found something"),
            AlertRule::BooksUnchecked => self.pick("账目久未检查", "The books are unchecked"),
            AlertRule::BackupOld => self.pick("备份过旧", "The last backup is old"),
            AlertRule::CallbacksWait => self.pick("回调未生效", "Callbacks without effect"),
            AlertRule::ExceptionsWait => self.pick("异常单待处理", "Exceptions wait"),
            AlertRule::TopupsFail => self.pick("充值未成功比例", "Top-ups that end unpaid"),
            AlertRule::OrdersHeld => self.pick("柜机订单待人工审核", "Cabinet orders held"),
            AlertRule::DeviceOffline => self.pick("柜机离线", "A cabinet is offline:"),
            AlertRule::ReleasesFail => self.pick("过期订单无法释放", "Orders that cannot be released"),
            AlertRule::Lockouts => self.pick("登录被锁定", "Sign-ins locked out"),
            AlertRule::Forged => self.pick("不可信的回调", "Callbacks not believed"),
            AlertRule::Refused => self.pick("越权请求被拒", "Requests without permission"),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{AlertArea, AlertChannel, AlertId, Instant};

    use super::*;

    fn message(alerts: usize) -> AlertMessage {
        let since: Instant = "2026-03-02T01:05:00Z".parse().expect("an instant");
        let told = |at: usize| ToldAlert {
            alert_id: AlertId::new(1),
            news: if at == 0 { AlertNews::Resolved } else { AlertNews::Fires },
            area: AlertArea::Business,
            rule: AlertRule::DeviceOffline,
            subject: format!("D{at}"),
            value: 20,
            threshold: 15,
            unit: AlertUnit::Minutes,
            since,
        };
        AlertMessage { channel: AlertChannel::Wecom, at: since, alerts: (0..alerts).map(told).collect() }
    }

    #[test]
    fn a_text_says_what_where_since_when_and_how_much() {
        let zone = TimeZone::get("Asia/Shanghai").expect("bundled");
        assert_eq!(
            AlertLanguage::Chinese.text(&message(2), &zone),
            "饭票告警 2\n【恢复】柜机离线 D0：20 分钟（阈值 15 分钟），自 03-02 09:05\n【触发】柜机离线 D1：20 分钟（阈值 15 分钟），自 03-02 09:05"
        );
        assert_eq!(
            AlertLanguage::English.text(&message(1), &zone),
            "Fanpiao alerts 1\n[resolved] A cabinet is offline: D0: 20 min (threshold 15 min), since 03-02 09:05"
        );
        let long = AlertLanguage::Chinese.text(&message(100), &zone);
        assert!(long.len() <= 2048 && long.contains("还有"), "{long}");
    }
}
