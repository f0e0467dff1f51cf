//! `docs/configuration.md` as a page, made once: from the binary, as it fits this version. Each setting can be pointed at by its key.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::http::HeaderValue;
use bytes::Bytes;

use crate::docs_page::{STYLE, escape, prose};
use crate::openapi;

const TEXT: &str = include_str!("../../../docs/configuration.md");

pub(crate) struct Manual {
    pub(crate) page: Bytes,
    pub(crate) tag: HeaderValue,
}

pub(crate) fn configuration() -> &'static Manual {
    static MANUAL: LazyLock<Manual> = LazyLock::new(|| {
        let page = Bytes::from(render(TEXT));
        Manual { tag: openapi::tag(&page), page }
    });
    &MANUAL
}

/// As much of Markdown as that document needs: one heading, paragraphs, and tables whose first column is the keys.
fn render(text: &str) -> String {
    let (title, rest) = text.trim().split_once('\n').unwrap_or((text, ""));
    let title = escape(title.trim_start_matches("# "));
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <style>{STYLE}</style></head><body><header><h1>{title}</h1></header><main>"
    );
    for block in rest.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        // Writing into a String cannot fail.
        let _ = if block.starts_with('|') {
            write_table(&mut page, block)
        } else {
            write!(page, "<p>{}</p>", prose(block))
        };
    }
    page.push_str("</main></body></html>");
    page
}

fn write_table(page: &mut String, block: &str) -> std::fmt::Result {
    page.push_str("<table><tbody>");
    // Under the first line is the one that only says that it is a table.
    let rows = block.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, row)| row.trim_matches('|').split('|'));
    for mut row in rows {
        let keys = prose(row.next().unwrap_or_default().trim());
        write!(page, "<tr><th>{}</th>", pointed_at(&keys))?;
        for cell in row {
            write!(page, "<td>{}</td>", prose(cell.trim()))?;
        }
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table>");
    Ok(())
}

/// Gives every key its own name as an anchor.
fn pointed_at(keys: &str) -> String {
    let mut parts = keys.split("<code>");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let key = part.split('<').next().unwrap_or_default();
        text.extend(["<code id=\"", key, "\">", part]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_can_be_pointed_at() {
        let page = render(TEXT);
        for key in ["server.listen", "limits.member_burst", "limits.member_per_minute", "wechat.private_key", "forged"]
        {
            assert!(page.contains(&format!("<code id=\"{key}\">{key}</code>")), "{key}");
        }
        assert!(page.contains("<h1>Configuration</h1>") && !page.contains('`') && !page.contains("|---"), "{page}");
    }
}
