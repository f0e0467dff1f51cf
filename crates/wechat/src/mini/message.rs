use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::{MiniProgram, parse};
use crate::error::Error;
use crate::secret::Secret;
use crate::time::UnixTime;

/// Which build of the mini program something leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MiniEdition {
    Release,
    Trial,
    Develop,
}

/// A message that the person agreed to get: each agreement is good for one.
#[derive(Debug, Clone)]
pub struct Message {
    pub to: Secret,
    pub template_id: String,
    pub page: Option<String>,
    /// By the template's keys, `thing1`, `amount2`. Longer than the key's kind allows is cut.
    pub data: BTreeMap<String, String>,
    pub edition: MiniEdition,
}

impl MiniProgram {
    /// Sends a message. Refusal 43101 is ordinary: the person did not agree, or the agreement is used up.
    pub async fn send_message(&self, message: &Message, now: UnixTime) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Sent {}
        let wire = Wire::from(message);
        self.post_with_token("/cgi-bin/message/subscribe/send", &wire, now, |answer, token| {
            parse::<Sent>(answer.status, &answer.body, &[token, message.to.expose()]).map(|_| ())
        })
        .await
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    touser: &'a str,
    template_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a str>,
    data: Data<'a>,
    miniprogram_state: &'static str,
    lang: &'static str,
}

impl<'a> From<&'a Message> for Wire<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            touser: message.to.expose(),
            template_id: &message.template_id,
            page: message.page.as_deref(),
            data: Data(&message.data),
            miniprogram_state: match message.edition {
                MiniEdition::Release => "formal",
                MiniEdition::Trial => "trial",
                MiniEdition::Develop => "developer",
            },
            lang: "zh_CN",
        }
    }
}

struct Data<'a>(&'a BTreeMap<String, String>);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Value {
            value: String,
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, &Value { value: fit(key, value) })?;
        }
        map.end()
    }
}

/// Cuts a value to what its kind allows; a message with one long value would be refused whole.
fn fit(key: &str, value: &str) -> String {
    let kind = key.trim_end_matches(|c: char| c.is_ascii_digit());
    let longest = match kind {
        "thing" => 20,
        "number" | "character_string" => 32,
        "phone_number" => 17,
        "car_number" => 8,
        "name" if value.is_ascii() => 20,
        "name" => 10,
        "phrase" => 5,
        _ => return value.to_owned(),
    };
    if value.chars().count() <= longest {
        return value.to_owned();
    }
    // A number must stay a number; a text says that something is missing.
    if matches!(kind, "thing" | "name") {
        value.chars().take(longest - 1).chain(['…']).collect()
    } else {
        value.chars().take(longest).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Message, MiniEdition, Wire, fit};

    #[test]
    fn the_body() {
        let message = Message {
            to: "oX".into(),
            template_id: "T1".to_owned(),
            page: Some("pages/order?id=1".to_owned()),
            data: BTreeMap::from([("thing1".to_owned(), "午餐".to_owned())]),
            edition: MiniEdition::Trial,
        };
        assert_eq!(
            serde_json::to_string(&Wire::from(&message)).expect("JSON"),
            r#"{"touser":"oX","template_id":"T1","page":"pages/order?id=1","data":{"thing1":{"value":"午餐"}},"miniprogram_state":"trial","lang":"zh_CN"}"#
        );
    }

    #[test]
    fn values_are_cut_to_their_kind() {
        assert_eq!(fit("thing12", &"长".repeat(21)), format!("{}…", "长".repeat(19)));
        assert_eq!(fit("thing1", &"长".repeat(20)), "长".repeat(20));
        assert_eq!(fit("phrase3", "一二三四五六"), "一二三四五");
        assert_eq!(fit("name1", "abcdefghijkl"), "abcdefghijkl");
        assert_eq!(fit("time4", &"x".repeat(99)).len(), 99);
    }
}
