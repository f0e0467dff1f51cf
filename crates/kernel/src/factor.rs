//! The second factor: codes that an authenticator app makes, asked for beside the password.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Instant, MemberId, NewSession, Note};

/// What one member has of it. Secrets are sealed before they come here: nobody can read them out of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    pub member: MemberId,
    /// A secret that was shown and not proved yet.
    pub offer: Option<FactorOffer>,
    pub active: Option<ActiveFactor>,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorOffer {
    pub secret: Vec<u8>,
    pub until: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveFactor {
    pub secret: Vec<u8>,
    /// The newest step of the clock whose code was used: neither it nor an earlier one opens anything again.
    pub last_step: i64,
    /// Hashes of the recovery codes that are left.
    pub recovery: BTreeSet<[u8; 32]>,
    pub since: Instant,
}

/// What is still asked of somebody whose password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketPurpose {
    /// A code.
    Code,
    /// To set a second factor up: the house demands one.
    SetUp,
}

impl TicketPurpose {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::SetUp => "set_up",
        }
    }
}

/// Between the password and the session: it is good for one thing, once, and not for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInTicket {
    pub token_hash: [u8; 32],
    pub member: MemberId,
    pub purpose: TicketPurpose,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub ended_at: Option<Instant>,
}

impl SignInTicket {
    #[must_use]
    pub fn is_good_at(&self, now: Instant) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

/// That somebody has the second factor, as it was held against the secret that was active then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorProof {
    pub secret: Vec<u8>,
    pub kind: ProofKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofKind {
    /// The code of this step of the clock.
    Step(i64),
    /// The recovery code with this hash.
    Recovery([u8; 32]),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorCommand {
    OpenTicket(OpenTicket),
    EnterWithFactor(EnterWithFactor),
    OfferFactor(OfferFactor),
    TurnOnFactor(TurnOnFactor),
    TurnOffFactor(TurnOffFactor),
    RenewRecovery(RenewRecovery),
    ResetFactor(ResetFactor),
    ResealFactor(ResealFactor),
}

/// Somebody whose password was right and who has to show more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTicket {
    pub member: MemberId,
    pub purpose: TicketPurpose,
    pub token_hash: [u8; 32],
    pub expires_at: Instant,
}

/// A ticket and a code for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnterWithFactor {
    pub member: MemberId,
    pub ticket: [u8; 32],
    pub proof: FactorProof,
    pub session: NewSession,
}

/// Shows a new secret. Who has one already proves to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferFactor {
    pub member: MemberId,
    pub proof: Option<FactorProof>,
    pub secret: Vec<u8>,
    pub until: Instant,
}

/// Makes the offered secret count, after the first right code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnOnFactor {
    pub member: MemberId,
    pub secret: Vec<u8>,
    pub step: i64,
    pub recovery: BTreeSet<[u8; 32]>,
    /// Sessions that were opened without it, and end.
    pub close: Vec<[u8; 32]>,
    /// The ticket of somebody who was led here, and the session that it gives.
    pub entry: Option<([u8; 32], NewSession)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnOffFactor {
    pub member: MemberId,
    pub proof: FactorProof,
}

/// New recovery codes in the place of all earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewRecovery {
    pub member: MemberId,
    pub proof: FactorProof,
    pub recovery: BTreeSet<[u8; 32]>,
}

/// Takes the second factor from somebody who has lost it. Nobody does that to themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetFactor {
    pub member: MemberId,
    pub reason: Note,
}

/// The same secret, sealed under another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResealFactor {
    pub member: MemberId,
    pub from: Vec<u8>,
    pub to: Vec<u8>,
}

impl FactorCommand {
    pub(crate) fn member(&self) -> MemberId {
        match self {
            Self::OpenTicket(OpenTicket { member, .. })
            | Self::EnterWithFactor(EnterWithFactor { member, .. })
            | Self::OfferFactor(OfferFactor { member, .. })
            | Self::TurnOnFactor(TurnOnFactor { member, .. })
            | Self::TurnOffFactor(TurnOffFactor { member, .. })
            | Self::RenewRecovery(RenewRecovery { member, .. })
            | Self::ResetFactor(ResetFactor { member, .. })
            | Self::ResealFactor(ResealFactor { member, .. }) => *member,
        }
    }
}
