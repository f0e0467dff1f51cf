//! Members, their departments, and the sessions they are signed in with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, AccountName, Currency, DepartmentCode, DepartmentId, Grants, Instant, MemberId, Openid, Overdraft,
    Owner, Role, RoleCode, Title,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberStatus {
    Active,
    Disabled,
}

impl MemberStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// Whose account a member's meals are paid from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payer {
    Member,
    Department,
}

impl Payer {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Department => "department",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Department {
    pub id: DepartmentId,
    pub code: DepartmentCode,
    pub name: Title,
    pub pays: Payer,
    /// How far below zero its account may go; absent for any way down, settled afterwards.
    #[serde(default)]
    pub overdraft_limit: Option<Overdraft>,
    /// Whether members may change and cancel what was booked for them.
    #[serde(default = "yes")]
    pub members_may_cancel: bool,
    pub created_at: Instant,
}

impl Department {
    #[must_use]
    pub fn account(&self) -> AccountId {
        Owner::Department(self.id).account(Currency::Cny)
    }
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: MemberId,
    /// The public id, a UUID.
    pub uid: String,
    pub openid: Option<Openid>,
    pub account: Option<AccountName>,
    pub nickname: String,
    pub avatar_url: Option<String>,
    pub department: Option<DepartmentId>,
    pub status: MemberStatus,
    /// How far below zero this member's wallet may go; absent where the house rule holds.
    pub overdraft_limit: Option<Overdraft>,
    pub grants: Grants,
    pub created_at: Instant,
}

impl Member {
    #[must_use]
    pub fn wallet(&self) -> AccountId {
        Owner::Member(self.id).account(Currency::Cny)
    }

    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }

    /// Whether this member works here: holds a role beside everybody's.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.grants.as_slice().iter().any(|grant| grant.role != Role::Member.code())
    }

    /// Whether this member has the role everywhere and can act in it.
    #[must_use]
    pub fn holds(&self, role: RoleCode) -> bool {
        self.is_active() && self.grants.hold_everywhere(role)
    }
}

/// A bearer token, known to us by its hash only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub token_hash: [u8; 32],
    pub member: MemberId,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub revoked_at: Option<Instant>,
}

impl Session {
    #[must_use]
    pub fn is_valid_at(&self, now: Instant) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_at_its_deadline_or_when_it_is_closed() {
        let at = Instant::from_millis;
        let mut session = Session {
            token_hash: [0; 32],
            member: MemberId::new(1),
            created_at: at(0),
            expires_at: at(1000),
            revoked_at: None,
        };
        assert!(session.is_valid_at(at(999)));
        assert!(!session.is_valid_at(at(1000)));
        session.revoked_at = Some(at(500));
        assert!(!session.is_valid_at(at(501)));
    }
}
