//! Everything that is kept about one person, streamed out of one snapshot.

use kernel::{Currency, Instant, MemberId, Openid, Owner, Sealed};
use serde_json::Value;

use crate::rows::openid;
use crate::{Error, Row, Rows, Store};

/// Rows of one kind, under a name of their own.
struct Section {
    name: &'static str,
    sql: &'static str,
    by: By,
    fields: &'static [(&'static str, Kind)],
}

#[derive(Clone, Copy)]
enum By {
    Member,
    Accounts,
}

#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
    Moment,
    Json,
    /// Two columns: what it is found by, and what it is.
    Openid,
    Address,
}

use Kind::{Address as AddressKind, Json, Moment, Number, Openid as OpenidKind, Text};

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Nothing,
    Number(i64),
    Text(String),
    Moment(Instant),
    Json(Value),
    Openid(Openid),
    Address(Sealed),
}

/// A row with the name of its kind.
pub struct Piece {
    pub section: &'static str,
    pub fields: Vec<(&'static str, Said)>,
}

const SECTIONS: [Section; 11] = [
    Section {
        name: "profile",
        sql: "SELECT m.member_id, m.uid, m.openid_index, m.openid_sealed, m.account, m.nickname, m.avatar_url, d.name, m.status, \
              m.grants, m.created_at FROM members AS m LEFT JOIN departments AS d ON d.department_id = m.department_id \
              WHERE m.member_id = $1",
        by: By::Member,
        fields: &[
            ("user_id", Number),
            ("uid", Text),
            ("openid", OpenidKind),
            ("account", Text),
            ("nickname", Text),
            ("avatar_url", Text),
            ("department", Text),
            ("status", Text),
            ("grants", Json),
            ("created_at", Moment),
        ],
    },
    Section {
        name: "meal_orders",
        sql: "SELECT o.order_no, m.date, m.slot, m.title, o.quantity, o.options, o.total_cents, o.notes, o.status, o.placed_by, \
              o.group_order_id, o.pickup_window, o.redeemed_at, o.created_at, o.updated_at \
              FROM meal_orders AS o JOIN meals AS m ON m.meal_id = o.meal_id WHERE o.member_id = $1 ORDER BY o.order_id",
        by: By::Member,
        fields: &[
            ("order_no", Text),
            ("date", Text),
            ("slot", Text),
            ("title", Text),
            ("quantity", Number),
            ("options", Json),
            ("total_cents", Number),
            ("notes", Text),
            ("status", Text),
            ("placed_by", Number),
            ("group_order_id", Number),
            ("pickup_window", Text),
            ("redeemed_at", Moment),
            ("created_at", Moment),
            ("updated_at", Moment),
        ],
    },
    Section {
        name: "shop_orders",
        sql: "SELECT order_no, product_id, round_id, quantity, total_cents, pay_with, address_sealed, notes, share_numbers, status, \
              fulfilment, paid_at, created_at, updated_at FROM shop_orders WHERE member_id = $1 ORDER BY order_id",
        by: By::Member,
        fields: &[
            ("order_no", Text),
            ("product_id", Number),
            ("round_id", Number),
            ("quantity", Number),
            ("total_cents", Number),
            ("pay_with", Text),
            ("address", AddressKind),
            ("notes", Text),
            ("share_numbers", Json),
            ("status", Text),
            ("fulfillment_status", Text),
            ("paid_at", Moment),
            ("created_at", Moment),
            ("updated_at", Moment),
        ],
    },
    Section {
        name: "openings",
        sql: "SELECT session_no, device_id, pay, status, opened_at, closed_at, created_at FROM door_sessions \
              WHERE member_id = $1 ORDER BY session_id",
        by: By::Member,
        fields: &[
            ("session_no", Text),
            ("device_id", Number),
            ("pay", Text),
            ("status", Text),
            ("opened_at", Moment),
            ("closed_at", Moment),
            ("created_at", Moment),
        ],
    },
    Section {
        name: "cabinet_orders",
        sql: "SELECT order_no, device_id, store_id, total_cents, tickets, pay, status, paid_at, created_at FROM cabinet_orders \
              WHERE member_id = $1 ORDER BY order_id",
        by: By::Member,
        fields: &[
            ("order_no", Text),
            ("device_id", Number),
            ("store_id", Number),
            ("total_cents", Number),
            ("tickets", Number),
            ("pay", Text),
            ("status", Text),
            ("paid_at", Moment),
            ("created_at", Moment),
        ],
    },
    Section {
        name: "complaints",
        sql: "SELECT order_no, text, pictures, status, replies, refunded_cents, created_at, closed_at FROM complaints \
              WHERE member_id = $1 ORDER BY complaint_id",
        by: By::Member,
        fields: &[
            ("order_no", Text),
            ("text", Text),
            ("pictures", Json),
            ("status", Text),
            ("replies", Json),
            ("refunded_cents", Number),
            ("created_at", Moment),
            ("closed_at", Moment),
        ],
    },
    Section {
        name: "ledger",
        sql: "SELECT a.currency, e.number, e.kind, e.order_id, e.amount, e.balance_after, e.created_at \
              FROM accounts AS a JOIN entries AS e ON e.account_id = a.account_id \
              WHERE a.account_id IN ($1, $2) ORDER BY e.account_id, e.number",
        by: By::Accounts,
        fields: &[
            ("currency", Text),
            ("number", Number),
            ("kind", Text),
            ("order_id", Number),
            ("amount", Number),
            ("balance_after", Number),
            ("created_at", Moment),
        ],
    },
    Section {
        name: "topups",
        sql: "SELECT order_no, amount_cents, client, status, transaction_id, paid_at, refunded_cents, created_at FROM topups \
              WHERE member_id = $1 ORDER BY topup_id",
        by: By::Member,
        fields: &[
            ("order_no", Text),
            ("amount_cents", Number),
            ("client", Text),
            ("status", Text),
            ("transaction_id", Text),
            ("paid_at", Moment),
            ("refunded_cents", Number),
            ("created_at", Moment),
        ],
    },
    Section {
        name: "refunds",
        sql: "SELECT r.refund_no, t.order_no, r.amount_cents, r.reason, r.state, r.created_at, r.updated_at \
              FROM topups AS t JOIN refunds AS r ON r.topup_id = t.topup_id WHERE t.member_id = $1 ORDER BY r.refund_id",
        by: By::Member,
        fields: &[
            ("refund_no", Text),
            ("order_no", Text),
            ("amount_cents", Number),
            ("reason", Text),
            ("status", Text),
            ("created_at", Moment),
            ("updated_at", Moment),
        ],
    },
    Section {
        name: "standing_orders",
        sql: "SELECT slot, weekdays, first_date, last_date, notes, pickup_window, status, created_at FROM subscriptions \
              WHERE owner_id = $1 AND owner_kind = 'member' ORDER BY subscription_id",
        by: By::Member,
        fields: &[
            ("slot", Text),
            ("weekdays", Number),
            ("first_date", Text),
            ("last_date", Text),
            ("notes", Text),
            ("pickup_window", Text),
            ("status", Text),
            ("created_at", Moment),
        ],
    },
    Section {
        name: "sessions",
        sql: "SELECT created_at, expires_at, revoked_at FROM sessions WHERE member_id = $1 ORDER BY created_at",
        by: By::Member,
        fields: &[("created_at", Moment), ("expires_at", Moment), ("revoked_at", Moment)],
    },
];

/// The rows, section after section; a section without rows is passed over.
pub struct Everything(Rows);

/// Begins to read.
#[must_use]
pub fn everything(store: &Store, member: MemberId) -> Everything {
    let account = |currency| Owner::Member(member).account(currency).get().into();
    let statements = SECTIONS.map(|section| {
        let given = match section.by {
            By::Member => vec![member.get().into()],
            By::Accounts => vec![account(Currency::Cny), account(Currency::Ticket)],
        };
        (section.sql, given)
    });
    Everything(store.stream(statements.into()))
}

impl Everything {
    /// All sections in their order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SECTIONS.into_iter().map(|section| section.name)
    }

    /// On a thread that may block.
    pub fn blocking_next(&mut self) -> Result<Option<Piece>, Error> {
        self.0.blocking_next()?.map(|(at, row)| piece(&SECTIONS[at], row)).transpose()
    }
}

fn piece(section: &Section, row: Row) -> Result<Piece, Error> {
    let mut cells = row.cells();
    let said = |&(name, kind): &(&'static str, Kind)| {
        let said = match kind {
            Number => cells.opt_int()?.map(Said::Number),
            Moment => cells.opt_int()?.map(|at| Said::Moment(Instant::from_millis(at))),
            Text => cells.opt_text()?.map(Said::Text),
            Json => Some(Said::Json(cells.json(name)?)),
            OpenidKind => openid(&mut cells)?.map(Said::Openid),
            AddressKind => cells.opt_blob()?.map(|sealed| Said::Address(Sealed::new(sealed))),
        };
        Ok((name, said.unwrap_or(Said::Nothing)))
    };
    let fields = section.fields.iter().map(said).collect::<Result<_, Error>>()?;
    Ok(Piece { section: section.name, fields })
}
