//! Fields that WeChat leaves out, sends as null, or sends empty: all three mean that there is nothing.

use serde::{Deserialize, Deserializer};

use crate::time::UnixTime;

pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// An RFC 3339 instant; one that is there and malformed is an error.
pub(crate) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixTime>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    let read = |text: String| UnixTime::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("not an instant"));
    text.map(read).transpose()
}

/// Both ways in which pay score is known to write an instant; anything else tells nothing that matters.
pub(crate) fn compact_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixTime>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| UnixTime::parse_compact(&text).or_else(|| UnixTime::parse_rfc3339(&text))))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{instant, or_default};
    use crate::time::UnixTime;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "or_default")]
        text: String,
        #[serde(default, deserialize_with = "instant")]
        at: Option<UnixTime>,
    }

    #[test]
    fn nothing_comes_in_three_forms() {
        for text in ["{}", r#"{"text":null,"at":null}"#, r#"{"text":"","at":""}"#] {
            let sample: Sample = serde_json::from_str(text).expect("parses");
            assert_eq!(sample, Sample { text: String::new(), at: None });
        }
        assert!(serde_json::from_str::<Sample>(r#"{"at":"yesterday"}"#).is_err());
    }
}
