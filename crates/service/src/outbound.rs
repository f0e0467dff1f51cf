//! The client through which partners are called, and what they answer.

use std::time::Duration;

/// # Errors
/// What is wrong with this machine's TLS.
pub(crate) fn client(timeout: Duration) -> Result<reqwest::Client, String> {
    #[expect(clippy::disallowed_methods, reason = "this is the client through which every call to a partner goes")]
    let builder = reqwest::Client::builder();
    builder
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .build()
        .map_err(|error| error.without_url().to_string())
}

/// The body of an answer, unless it is longer than anything that could be meant.
pub(crate) async fn bounded(mut answer: reqwest::Response, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
        bytes.extend_from_slice(&part);
        if bytes.len() > most {
            return Err(format!("the answer has more than {most} bytes"));
        }
    }
    Ok(bytes)
}
