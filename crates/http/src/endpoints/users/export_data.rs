use std::io::Write;

use axum::http::Method;
use kernel::{Code, Command, MemberId, NoteExport};
use serde_json::{Map, Value, json};
use service::Service;
use store::queries::person::{Everything, Piece, Said, everything};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::file::{Document, Out, Turn, Written};

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::GET,
            path: "/api/v1/users/data/export",
            id: "exportOwnData",
            tag: Tag::SignIn,
            summary: "Everything that is kept about oneself, as JSON",
            description: "Profile, meal orders (also those that a department has booked), shop orders with their addresses, openings, \
                cabinet orders, complaints, ledger, top-ups, refunds, standing orders and sessions, each a list under its name. Noted \
                in the audit trail.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, _: Input) -> Result<Document, Failure> {
    let member = caller.identity.member;
    export(&app, caller, member).await
}

pub(crate) const CODES: &[Code] = &[Code::NotFound];

/// Notes that it is done, and then does it.
pub(crate) async fn export(app: &App, caller: Caller, member: MemberId) -> Result<Document, Failure> {
    let turn = Turn::wait(app).await?;
    app.service().run(caller.asks(Command::NoteExport(NoteExport { member }))).await?;
    let (rows, service) = (everything(app.store(), member), app.service().clone());
    Document::new(app, turn, &format!("member_{member}"), move |out| write(out, &service, member, rows))
}

/// One list a section, in their order, whether or not there is anything in it.
fn write(mut out: Out, service: &Service, member: MemberId, mut rows: Everything) -> Written {
    let mut names = Everything::names();
    let mut open = names.next().ok_or("no sections")?;
    write!(out, "{{\"{open}\":[")?;
    let mut is_first = true;
    while let Some(Piece { section, fields }) = rows.blocking_next()? {
        while open != section {
            open = names.next().ok_or("a row of no section")?;
            write!(out, "],\n\"{open}\":[")?;
            is_first = true;
        }
        out.write_all(if is_first { b"\n" } else { b",\n" })?;
        is_first = false;
        let fields = fields.into_iter().map(|(name, said)| Ok((name.to_owned(), shown(service, member, said)?)));
        serde_json::to_writer(&mut out, &fields.collect::<Result<Map<_, _>, service::Failure>>().map_err(opened)?)?;
    }
    for name in names {
        write!(out, "],\n\"{name}\":[")?;
    }
    out.write_all(b"]}\n")?;
    Ok(out.end()?)
}

fn shown(service: &Service, member: MemberId, said: Said) -> Result<Value, service::Failure> {
    Ok(match said {
        Said::Nothing => Value::Null,
        Said::Number(number) => json!(number),
        Said::Text(text) => json!(text),
        Said::Moment(at) => json!(at),
        Said::Json(value) => value,
        Said::Openid(openid) => json!(service.vault().openid(&openid)?),
        Said::Address(address) => json!(service.vault().address(member, &address)?.as_str()),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn opened(failure: service::Failure) -> String {
    format!("{failure:?}")
}
