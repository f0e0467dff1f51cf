//! What a person may ask of the house that keeps their data: all of it, or none, and who has looked at it.
//!
//! The books stay as they are: orders, entries and audit records name a member by id, and the id
//! names nobody any more.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topup::words;
use crate::{Grants, Instant, Member, MemberId, MemberStatus, Note, OrderId, Role, RoleGrant, Scope};

/// Takes a member out of the data. Somebody who is out already stays so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EraseMember {
    pub member: MemberId,
    pub reason: Note,
}

/// Writes down that everything about a member is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteExport {
    pub member: MemberId,
}

/// Writes down that somebody looks at what is masked everywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteLook {
    pub member: MemberId,
    pub at: Look,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Openid,
    /// Where a shop order of the member's goes.
    Address(OrderId),
}

words! {
    /// What somebody has to see to before they can be erased.
    OpenEnd {
        /// Money in the wallet.
        Balance = "balance",
        /// A wallet below zero.
        Debt = "debt",
        Tickets = "tickets",
        MealOrders = "meal_orders",
        /// To be paid, drawn, fetched or sent.
        ShopOrders = "shop_orders",
        /// Of cabinets, and not settled.
        Openings = "openings",
        /// Not paid.
        CabinetOrders = "cabinet_orders",
        /// Begun, or on their way back.
        Topups = "topups",
        Refunds = "refunds",
        Complaints = "complaints",
    }
}

/// What there is about a person beside the books.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traces {
    /// Orders on which something was written.
    pub notes: i64,
    /// On shop orders.
    pub addresses: i64,
    /// With their pictures and what was answered.
    pub complaints: i64,
    pub standing_orders: i64,
    pub sessions: i64,
    /// Kept under idempotency keys.
    pub answers: i64,
}

/// A member as far as an erasure goes, beside money and tickets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    pub open: BTreeMap<OpenEnd, i64>,
    pub traces: Traces,
}

/// That a member was erased. Whoever finds it does not bring them back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    pub member: MemberId,
    pub erased_at: Instant,
}

impl Member {
    /// The same row about nobody. The name is for lists and says which row it is.
    pub(crate) fn erased(&self) -> Self {
        Self {
            id: self.id,
            uid: self.uid.clone(),
            openid: None,
            account: None,
            nickname: format!("已注销 {}", self.id),
            avatar_url: None,
            department: None,
            status: MemberStatus::Disabled,
            overdraft_limit: None,
            grants: Grants::new(vec![RoleGrant { role: Role::Member.code(), scope: Scope::Everywhere }]),
            created_at: self.created_at,
        }
    }
}
