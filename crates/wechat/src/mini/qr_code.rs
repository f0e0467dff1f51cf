use serde::Serialize;

use super::{MiniEdition, MiniProgram, parse};
use crate::error::Error;
use crate::time::UnixTime;

/// A round code that opens a page of the mini program. Permanent, and without a limit on their number.
#[derive(Debug, Clone)]
pub struct QrCode {
    /// Up to 32 of `0-9 A-Z a-z` and some marks; the page gets it. Anybody can print another, so it proves nothing.
    pub scene: String,
    /// Without a leading slash and without a query; the home page where there is none.
    pub page: Option<String>,
    /// Refuse pages that are not published yet.
    pub check_page: bool,
    pub edition: MiniEdition,
    /// 280 to 1280 pixels.
    pub width: u16,
}

impl MiniProgram {
    /// The picture, PNG or JPEG.
    pub async fn qr_code(&self, code: &QrCode, now: UnixTime) -> Result<Vec<u8>, Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            scene: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            page: Option<&'a str>,
            check_path: bool,
            env_version: &'static str,
            width: u16,
        }
        check(code)?;
        let wire = Wire {
            scene: &code.scene,
            page: code.page.as_deref(),
            check_path: code.check_page,
            env_version: match code.edition {
                MiniEdition::Release => "release",
                MiniEdition::Trial => "trial",
                MiniEdition::Develop => "develop",
            },
            width: code.width,
        };
        self.post_with_token("/wxa/getwxacodeunlimit", &wire, now, |answer, token| {
            picture(answer.status, answer.body, token)
        })
        .await
    }
}

/// The first bytes tell a picture from an error, whatever the headers say.
fn picture(status: u16, body: Vec<u8>, token: &str) -> Result<Vec<u8>, Error> {
    const PNG: &[u8] = b"\x89PNG";
    const JPEG: &[u8] = b"\xFF\xD8\xFF";
    if status == 200 && (body.starts_with(PNG) || body.starts_with(JPEG)) {
        return Ok(body);
    }
    parse::<serde_json::Value>(status, &body, &[token])?;
    Err(Error::answer(status, "neither a picture nor an error"))
}

fn check(code: &QrCode) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$&'()*+,/:;=?@-._~".contains(c);
    if !(1..=32).contains(&code.scene.len()) || !code.scene.chars().all(allowed) {
        return Err(Error::input("scene", "1 to 32 letters, digits and marks, no % and no Chinese"));
    }
    if code.page.as_ref().is_some_and(|page| page.starts_with('/') || page.contains('?')) {
        return Err(Error::input("page", "no leading slash and no query"));
    }
    if (280..=1280).contains(&code.width) { Ok(()) } else { Err(Error::input("width", "280 to 1280")) }
}

#[cfg(test)]
mod tests {
    use super::{MiniEdition, QrCode, check, picture};

    #[test]
    fn pictures_and_errors_are_told_apart_by_their_first_bytes() {
        assert!(picture(200, b"\x89PNG....".to_vec(), "token").is_ok());
        let error =
            picture(200, br#"{"errcode":41030,"errmsg":"invalid page"}"#.to_vec(), "token").expect_err("refused");
        assert_eq!(error.errcode(), Some(41030));
        for body in [&b""[..], b"{}", b"<html>"] {
            assert!(picture(200, body.to_vec(), "token").is_err());
        }
    }

    #[test]
    fn limits() {
        let good = QrCode {
            scene: "d=CAB0001".to_owned(),
            page: Some("pages/scan".to_owned()),
            check_page: true,
            edition: MiniEdition::Release,
            width: 430,
        };
        assert!(check(&good).is_ok());
        for scene in ["", "柜", "a%20b", &"x".repeat(33)] {
            assert!(check(&QrCode { scene: scene.to_owned(), ..good.clone() }).is_err(), "{scene}");
        }
        assert!(check(&QrCode { page: Some("/pages/scan".to_owned()), ..good.clone() }).is_err());
        assert!(check(&QrCode { width: 279, ..good }).is_err());
    }
}
