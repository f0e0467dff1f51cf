//! Notifications: sealed, signed, repeated until somebody says that they arrived.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Book, Due};
use super::orders::{self, Paying};
use super::{APIV3_KEY, refunds, score, signature_headers};
use crate::faults::FaultKind;
use crate::keys::{Signer, random_hex, seal};
use crate::settings::NotifyWith;
use crate::text;
use crate::world::Shared;

/// Seconds from each failed try to the next one.
const RETRIES_S: [i64; 15] = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600];

/// A copy that is wrong on purpose. It goes first; the genuine one follows by the ordinary schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Forgery {
    Probe,
    WrongKey,
    UnknownSerial,
    Stale,
    Tampered,
    Unsigned,
    /// Signed well, sealed with another APIv3 key.
    WrongSeal,
}

/// What the one who caused a notification wants of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Make it, but do not send it.
    #[serde(default)]
    pub(crate) lose: bool,
    #[serde(default)]
    pub(crate) delay_s: Option<u32>,
    #[serde(default)]
    pub(crate) copies: Option<u32>,
    #[serde(default)]
    pub(crate) forge: VecDeque<Forgery>,
}

pub(crate) struct Notice {
    pub(crate) id: String,
    pub(crate) event_type: &'static str,
    pub(crate) url: String,
    body: Vec<u8>,
    wrongly_sealed: Vec<u8>,
    signer: Signer,
    forge: VecDeque<Forgery>,
    /// Failed tries since it was last sent on purpose.
    failed: usize,
    pub(crate) state: NoticeState,
    pub(crate) tries: Vec<Try>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeState {
    /// Made and not sent.
    Lost,
    Waiting,
    Arrived,
    /// All tries failed.
    GivenUp,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Try {
    at: String,
    forged: Option<Forgery>,
    /// Absent where nobody answered.
    status: Option<u16>,
}

/// Makes a notification and puts it on its way. `news` is event type, original type and summary.
pub(super) fn tell(
    shared: &Shared,
    book: &mut Book,
    url: &str,
    news: (&'static str, &'static str, &'static str),
    content: &Value,
    wanted: Wanted,
) {
    let (event_type, original_type, summary) = news;
    let settings = shared.settings();
    let now_ms = shared.config.clock.business_ms();
    let number = book.next_number();
    let signer = match settings.notify_with {
        NotifyWith::PublicKey => Signer::PublicMode,
        NotifyWith::Mixed if book.notices.len().is_multiple_of(2) => Signer::PublicMode,
        NotifyWith::Certificate | NotifyWith::Mixed if settings.rotated => Signer::NextPlatform,
        NotifyWith::Certificate | NotifyWith::Mixed => Signer::Platform,
    };
    let id = format!("EV-{}{number:010}", text::compact(now_ms));
    let associated_data = if settings.empty_associated_data { "" } else { original_type };
    let envelope = |key: &str| {
        let (nonce, ciphertext) = seal(key, associated_data, content.to_string().as_bytes()).unwrap_or_default();
        let resource = json!({
            "original_type": original_type,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": ciphertext,
            "associated_data": associated_data,
            "nonce": nonce,
        });
        let envelope = json!({
            "id": id,
            "create_time": text::rfc3339(now_ms),
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": summary,
            "resource": resource,
        });
        envelope.to_string().into_bytes()
    };
    let is_lost = wanted.lose || settings.lose_notifications;
    let notice = Notice {
        event_type,
        url: url.to_owned(),
        body: envelope(APIV3_KEY),
        wrongly_sealed: envelope("another-apiv3-key-of-32-letters!"),
        id,
        signer,
        forge: wanted.forge,
        failed: 0,
        state: if is_lost { NoticeState::Lost } else { NoticeState::Waiting },
        tries: Vec::new(),
    };
    book.notices.insert(number, notice);
    if !is_lost {
        let delay_s = wanted.delay_s.unwrap_or(settings.notification_delay_s);
        for _ in 0..wanted.copies.unwrap_or(settings.notification_copies).max(1) {
            book.schedule(now_ms + i64::from(delay_s) * 1000, Due::Send(number));
        }
    }
}

/// Sends a notification now, whatever became of it before.
pub(crate) fn send_again(book: &mut Book, id: &str, now_ms: i64) -> bool {
    let Some((number, notice)) = book.notices.iter_mut().find(|(_, notice)| notice.id == id) else {
        return false;
    };
    notice.state = NoticeState::Waiting;
    notice.failed = 0;
    let number = *number;
    book.schedule(now_ms, Due::Send(number));
    true
}

/// Keeps a notification from being sent; also its repetitions.
pub(crate) fn lose(book: &mut Book, id: &str) -> bool {
    match book.notices.values_mut().find(|notice| notice.id == id) {
        Some(notice) => {
            notice.state = NoticeState::Lost;
            true
        }
        None => false,
    }
}

/// One copy of a notification on its way.
pub(crate) struct Letter {
    number: u64,
    forged: Option<Forgery>,
    pub(crate) url: String,
    /// As they go with it, the signature among them.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Does what is due, for as long as the world stands.
pub(crate) async fn post_office(shared: Arc<Shared>, client: reqwest::Client) {
    loop {
        for letter in letters(&shared) {
            post(&shared, &client, letter);
        }
        let next = shared.pay.book().next_due_ms();
        let now_ms = shared.config.clock.business_ms();
        let wait = next.map(|at| wait_for(at - now_ms, shared.config.clock.speed()));
        let bell = shared.pay.bell.notified();
        match wait {
            None => bell.await,
            Some(wait) => {
                let _ = tokio::time::timeout(wait, bell).await;
            }
        }
    }
}

/// Does what is due, and gives out the notifications that are to be sent.
pub(crate) fn letters(shared: &Shared) -> Vec<Letter> {
    let now_ms = shared.config.clock.business_ms();
    let mut book = shared.pay.book();
    let due = book.take_due(now_ms);
    due.into_iter().filter_map(|what| happen(shared, &mut book, what)).collect()
}

/// At most a moment: somebody else's clock may jump without a word.
fn wait_for(business_ms: i64, speed: u32) -> Duration {
    let ms = business_ms.div_euclid(i64::from(speed)).clamp(1, 50);
    Duration::from_millis(ms.unsigned_abs())
}

fn happen(shared: &Shared, book: &mut Book, what: Due) -> Option<Letter> {
    match what {
        Due::Send(number) => return letter(shared, book, number),
        Due::PayOrder(out_trade_no) => {
            // Somebody may have paid or closed it before.
            let _ = orders::pay(shared, book, &out_trade_no, Paying::default());
        }
        Due::SettleRefund(out_refund_no) => {
            let outcome = shared.settings().refund_outcome;
            refunds::settle(shared, book, &out_refund_no, outcome);
        }
        Due::Deduct(out_order_no) => score::deduct_by_itself(shared, book, &out_order_no),
    }
    None
}

fn letter(shared: &Shared, book: &mut Book, number: u64) -> Option<Letter> {
    let notice = book.notices.get_mut(&number)?;
    if notice.state == NoticeState::Lost || notice.state == NoticeState::GivenUp {
        return None;
    }
    let forged = notice.forge.pop_front();
    let mut body = if forged == Some(Forgery::WrongSeal) { notice.wrongly_sealed.clone() } else { notice.body.clone() };
    let spoiled = match forged {
        Some(Forgery::Probe) => Some(FaultKind::Probe),
        Some(Forgery::WrongKey) => Some(FaultKind::WrongKey),
        Some(Forgery::UnknownSerial) => Some(FaultKind::UnknownSerial),
        Some(Forgery::Stale) => Some(FaultKind::Stale),
        Some(Forgery::Tampered | Forgery::Unsigned | Forgery::WrongSeal) | None => None,
    };
    let mut headers = vec![("Content-Type", "application/json".to_owned()), ("User-Agent", "Mozilla/4.0".to_owned())];
    if forged != Some(Forgery::Unsigned) {
        headers.extend(signature_headers(shared, notice.signer, &body, spoiled));
    }
    if forged == Some(Forgery::Tampered) {
        super::tamper(&mut body);
    }
    Some(Letter { number, forged, url: notice.url.clone(), headers, body })
}

/// Lets a copy travel by itself, so that a slow receiver holds nobody up.
fn post(shared: &Arc<Shared>, client: &reqwest::Client, letter: Letter) {
    let Letter { number, forged, url, headers, body } = letter;
    let request = headers.into_iter().fold(client.post(&url), |request, (name, value)| request.header(name, value));
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let status = if is_loopback(&url) {
            request.body(body).send().await.ok().map(|answer| answer.status().as_u16())
        } else {
            // The simulation never speaks to anybody outside.
            None
        };
        note(&shared, number, forged, status);
        shared.pay.bell.notify_one();
    });
}

/// Notes how a copy was answered; nothing where nobody answered.
pub(crate) fn arrived(shared: &Shared, letter: &Letter, status: Option<u16>) {
    note(shared, letter.number, letter.forged, status);
}

/// Writes down what a try came to, and plans the next one.
fn note(shared: &Shared, number: u64, forged: Option<Forgery>, status: Option<u16>) {
    let now_ms = shared.config.clock.business_ms();
    let mut book = shared.pay.book();
    let Some(notice) = book.notices.get_mut(&number) else {
        return;
    };
    notice.tries.push(Try { at: text::rfc3339(now_ms), forged, status });
    let arrived = matches!(status, Some(200 | 204)) && forged.is_none();
    if arrived {
        notice.state = NoticeState::Arrived;
    }
    if notice.state != NoticeState::Waiting {
        return;
    }
    match RETRIES_S.get(notice.failed) {
        Some(after_s) => {
            notice.failed += 1;
            book.schedule(now_ms + after_s * 1000, Due::Send(number));
        }
        None => notice.state = NoticeState::GivenUp,
    }
}

pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else {
        return false;
    };
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A mark that nobody else has, for texts that must be used once.
pub(super) fn fresh_token() -> String {
    random_hex(24).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{RETRIES_S, is_loopback};

    #[test]
    fn repetitions_take_a_day() {
        assert_eq!(RETRIES_S.iter().sum::<i64>(), 24 * 3600 + 4 * 60);
    }

    #[test]
    fn only_loopback_hears_from_us() {
        for url in ["http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]:2/x"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://pay.example.com/x", "http://10.0.0.1/x", "http://localhost.example.com/", "nonsense"] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
