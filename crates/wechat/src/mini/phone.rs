use serde::{Deserialize, Deserializer, Serialize};

use super::{MiniProgram, parse};
use crate::error::Error;
use crate::secret::Secret;
use crate::time::UnixTime;

/// A phone number that its owner handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// With the country code where it is a foreign one.
    pub number: Secret,
    /// Without the country code.
    pub pure_number: Secret,
    pub country_code: String,
}

impl MiniProgram {
    /// Trades a code of the phone number button, which is not a sign-in code, for the number. It works once and for five minutes.
    pub async fn phone_number(&self, code: &str, now: UnixTime) -> Result<Phone, Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            code: &'a str,
        }
        if code.is_empty() || code.len() > 256 {
            return Err(Error::input("code", "1 to 256 bytes"));
        }
        self.post_with_token("/wxa/business/getuserphonenumber", &Wire { code }, now, |answer, token| {
            let given: Given = parse(answer.status, &answer.body, &[token, code])?;
            given.phone_info.of(&self.appid)
        })
        .await
    }
}

#[derive(Deserialize)]
struct Given {
    phone_info: Info,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    phone_number: Secret,
    pure_phone_number: Secret,
    #[serde(deserialize_with = "text_or_number")]
    country_code: String,
    watermark: Watermark,
}

#[derive(Deserialize)]
struct Watermark {
    appid: String,
}

impl Info {
    fn of(self, appid: &str) -> Result<Phone, Error> {
        if self.watermark.appid != appid {
            return Err(Error::mismatch("appid"));
        }
        Ok(Phone { number: self.phone_number, pure_number: self.pure_phone_number, country_code: self.country_code })
    }
}

/// WeChat's sample has a number where its table says text.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(u32),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::Given;

    #[test]
    fn the_country_code_comes_in_two_types_and_the_watermark_counts() {
        for code in ["86", "\"86\""] {
            let text = format!(
                r#"{{"phone_info":{{"phoneNumber":"13800000000","purePhoneNumber":"13800000000","countryCode":{code},"watermark":{{"timestamp":1,"appid":"wxa"}}}}}}"#
            );
            let given: Given = serde_json::from_str(&text).expect("parses");
            let phone = given.phone_info.of("wxa").expect("ours");
            assert_eq!(phone.country_code, "86");
            assert!(!format!("{phone:?}").contains("138"));
            let given: Given = serde_json::from_str(&text).expect("parses");
            assert!(given.phone_info.of("wxb").is_err());
        }
    }
}
