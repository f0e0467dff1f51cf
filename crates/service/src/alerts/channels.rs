//! The robots of WeCom, DingTalk and Feishu, a webhook of one's own, and letters: what each wants to be sent, and what its answer means.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::AlertChannel;
use partner::signature::{self, PartnerKey};
use reqwest::Url;
use serde_json::{Value, json};
use wechat::Secret;

use super::mail::{Mail, MailSettings};
use crate::{Service, Undelivered, outbound, uuid};

const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 64 * 1024;
/// What a webhook reads in `X-Partner-Id`.
const PARTNER: &str = "fanpiao";

/// Where alerts go. The address of a robot is a secret itself, so none of it ever shows.
pub struct Channel(Way);

enum Way {
    Call(Box<Call>),
    Mail(Box<Mail>),
}

struct Call {
    wire: Wire,
    url: Url,
    client: reqwest::Client,
}

enum Wire {
    Wecom,
    /// Signed where a secret is set at the robot.
    Dingtalk(Option<Secret>),
    Feishu(Option<Secret>),
    Webhook(Box<PartnerKey>),
}

impl Channel {
    /// A robot or a webhook.
    ///
    /// # Errors
    /// What is wrong with the address or the secret.
    pub fn new(name: AlertChannel, url: &str, secret: Option<Secret>) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("the address: {error}"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err("the address must begin with https://".to_owned());
        }
        let wire = match name {
            AlertChannel::Wecom => Wire::Wecom,
            AlertChannel::Dingtalk => Wire::Dingtalk(secret),
            AlertChannel::Feishu => Wire::Feishu(secret),
            AlertChannel::Webhook => {
                let key = secret.and_then(|secret| PartnerKey::new(secret.expose()));
                Wire::Webhook(Box::new(key.ok_or("the secret must have at least 16 bytes")?))
            }
            AlertChannel::Mail => return Err("mail has no address of a robot".to_owned()),
        };
        Ok(Self(Way::Call(Box::new(Call { wire, url, client: outbound::client(TIMEOUT)? }))))
    }

    /// Letters. Whom to believe: the authorities in a file, or those that the machine believes.
    ///
    /// # Errors
    /// What is wrong with the settings or the file.
    pub fn mail(settings: MailSettings, authorities: Option<&Path>) -> Result<Self, String> {
        Ok(Self(Way::Mail(Box::new(Mail::new(settings, authorities)?))))
    }

    #[must_use]
    pub fn name(&self) -> AlertChannel {
        match &self.0 {
            Way::Call(call) => call.name(),
            Way::Mail(_) => AlertChannel::Mail,
        }
    }

    /// `id` is the same however often a message is sent; a test has none. A webhook gets the details, people the text.
    pub(crate) async fn send(
        &self,
        service: &Service,
        id: Option<i64>,
        details: Value,
        text: &str,
    ) -> Result<(), Undelivered> {
        match &self.0 {
            Way::Call(call) => Ok(call.send(service, id, details, text).await?),
            Way::Mail(mail) => {
                let id = id.map_or_else(|| uuid(service.ambient()), |id| id.to_string());
                mail.send(service, &id, text).await
            }
        }
    }
}

impl Call {
    fn name(&self) -> AlertChannel {
        match self.wire {
            Wire::Wecom => AlertChannel::Wecom,
            Wire::Dingtalk(_) => AlertChannel::Dingtalk,
            Wire::Feishu(_) => AlertChannel::Feishu,
            Wire::Webhook(_) => AlertChannel::Webhook,
        }
    }

    async fn send(&self, service: &Service, id: Option<i64>, details: Value, text: &str) -> Result<(), String> {
        let now_ms = service.now().as_millis();
        let mut url = self.url.clone();
        let body = match &self.wire {
            Wire::Wecom => json!({ "msgtype": "text", "text": { "content": text } }),
            Wire::Dingtalk(secret) => {
                if let Some(secret) = secret {
                    let sign = mac(secret.expose(), &format!("{now_ms}\n{}", secret.expose()));
                    url.query_pairs_mut().append_pair("timestamp", &now_ms.to_string()).append_pair("sign", &sign);
                }
                json!({ "msgtype": "text", "text": { "content": text } })
            }
            Wire::Feishu(secret) => {
                let mut body = json!({ "msg_type": "text", "content": { "text": text } });
                if let Some(secret) = secret {
                    // Unlike DingTalk, in seconds, and the text is the key.
                    let timestamp = now_ms.div_euclid(1000).to_string();
                    body["sign"] = mac(&format!("{timestamp}\n{}", secret.expose()), "").into();
                    body["timestamp"] = timestamp.into();
                }
                body
            }
            Wire::Webhook(_) => {
                let mut body = details;
                body["message_id"] = id.into();
                body["text"] = text.into();
                body
            }
        };
        let bytes = body.to_string().into_bytes();
        let mut call = self.client.post(url.clone()).header("content-type", "application/json");
        if let Wire::Webhook(key) = &self.wire {
            let target = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
            let request = signature::Request { method: "POST", path_and_query: &target, body: &bytes };
            let nonce = uuid(service.ambient());
            let headers = signature::sign(key, PARTNER, &request, now_ms.div_euclid(1000), &nonce);
            for (name, value) in headers.ok_or("a bad nonce")? {
                call = call.header(name, value);
            }
        }
        let answer = call.body(bytes).send().await.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("{} answered {status}", self.name().as_str()));
        }
        if let Wire::Webhook(_) = self.wire {
            return Ok(());
        }
        let answer = outbound::bounded(answer, MOST_BYTES).await?;
        self.judge(&answer)
    }

    /// A robot refuses with 200, and says so in the body.
    fn judge(&self, answer: &[u8]) -> Result<(), String> {
        let name = self.name().as_str();
        let answer: Value = serde_json::from_slice(answer).map_err(|_| format!("{name} answered no JSON"))?;
        let (code, why) = match self.wire {
            Wire::Feishu(_) => (&answer["code"], &answer["msg"]),
            _ => (&answer["errcode"], &answer["errmsg"]),
        };
        match code.as_i64() {
            Some(0) => Ok(()),
            Some(code) => {
                let why: String = why.as_str().unwrap_or_default().chars().take(200).collect();
                Err(format!("{name} answered {code}: {why}"))
            }
            None => Err(format!("{name} answered without a code")),
        }
    }
}

fn mac(key: &str, text: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    STANDARD.encode(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: AlertChannel) -> Box<Call> {
        match Channel::new(name, "https://robot.example.com/send?key=k", None).expect("a channel").0 {
            Way::Call(call) => call,
            Way::Mail(_) => panic!("no robot"),
        }
    }

    #[test]
    fn a_refusal_comes_with_200() {
        let wecom = call(AlertChannel::Wecom);
        assert_eq!(wecom.judge(br#"{"errcode":0,"errmsg":"ok"}"#), Ok(()));
        let refused = wecom.judge(br#"{"errcode":93000,"errmsg":"invalid webhook url"}"#);
        assert_eq!(refused, Err("wecom answered 93000: invalid webhook url".to_owned()));
        assert_eq!(wecom.judge(b"{}"), Err("wecom answered without a code".to_owned()));
        assert_eq!(wecom.judge(b"<html>"), Err("wecom answered no JSON".to_owned()));
        let feishu = call(AlertChannel::Feishu);
        assert_eq!(
            feishu.judge(br#"{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}"#),
            Ok(())
        );
        let refused = feishu
            .judge(br#"{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}"#);
        assert!(refused.is_err_and(|why| why.starts_with("feishu answered 19021")));
    }

    #[test]
    fn a_webhook_is_always_signed() {
        let unsigned = Channel::new(AlertChannel::Webhook, "https://example.com/", None).map(drop);
        assert_eq!(unsigned, Err("the secret must have at least 16 bytes".to_owned()));
        let file = Channel::new(AlertChannel::Wecom, "file:///etc/passwd", None).map(drop);
        assert_eq!(file, Err("the address must begin with https://".to_owned()));
    }
}
