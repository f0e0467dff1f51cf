use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{AccountId, Cents, Currency, Instant, MemberId, OrderId, Owner, PoolId, ProductId, Quantity, RoundId};

/// A product's numbered round: so many shares at so much each, and one piece of the product for the one that is drawn. Its pool counts
/// the shares; a share gets its number when it is paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    pub id: RoundId,
    pub product: ProductId,
    /// 1 for a product's first round.
    pub number: i64,
    pub share_price: Cents,
    /// How many shares one member may have in orders that stand; absent for any number.
    pub member_limit: Option<Quantity>,
    pub opens_at: Instant,
    pub closes_at: Instant,
    /// Under which the prize is claimed from the beginning, so that it is there at the draw. Then the winner's order takes it over.
    pub prize: OrderId,
    /// No answer and no log shows it before the draw; then the proof does.
    #[serde(skip)]
    pub secret: DrawSecret,
    /// The SHA-256 of the secret, in hexadecimal.
    pub commitment: String,
    /// The lowest number that no share has ever had.
    pub next_number: i64,
    /// The numbers below it that nobody has any more.
    pub free_numbers: BTreeSet<i64>,
    pub state: RoundState,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// open → sold out, failed; sold out → drawn; both ends are final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RoundState {
    /// Shares are sold between its opening and its closing time.
    Open,
    /// Every share is paid for.
    SoldOut {
        since: Instant,
    },
    Drawn {
        drawn_at: Instant,
        winning_number: i64,
        order: OrderId,
        member: MemberId,
    },
    /// It was not sold out in time, or was called off: everybody has their money back.
    Failed {
        failed_at: Instant,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoundStatus {
    Open,
    SoldOut,
    Drawn,
    Failed,
}

impl RoundStatus {
    pub const ALL: [Self; 4] = [Self::Open, Self::SoldOut, Self::Drawn, Self::Failed];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::SoldOut => "sold_out",
            Self::Drawn => "drawn",
            Self::Failed => "failed",
        }
    }
}

impl Round {
    /// The proof lists every share, so there is an end to their number.
    pub const MOST_SHARES: i64 = 10_000;

    #[must_use]
    pub fn pool(&self) -> PoolId {
        self.id.into()
    }

    #[must_use]
    pub fn takings(&self) -> AccountId {
        Owner::Round(self.id).account(Currency::Cny)
    }

    #[must_use]
    pub fn status(&self) -> RoundStatus {
        match self.state {
            RoundState::Open => RoundStatus::Open,
            RoundState::SoldOut { .. } => RoundStatus::SoldOut,
            RoundState::Drawn { .. } => RoundStatus::Drawn,
            RoundState::Failed { .. } => RoundStatus::Failed,
        }
    }

    /// How many shares have a number, and so are paid for.
    #[must_use]
    pub fn numbered(&self) -> i64 {
        self.next_number - 1 - i64::try_from(self.free_numbers.len()).unwrap_or(i64::MAX)
    }

    /// The lowest free numbers.
    pub(crate) fn take_numbers(&mut self, count: i64) -> Vec<i64> {
        let take = |_| {
            self.free_numbers.pop_first().unwrap_or_else(|| {
                self.next_number += 1;
                self.next_number - 1
            })
        };
        (0..count).map(take).collect()
    }
}

/// What makes a draw unforeseeable. Its hash is public from the beginning.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DrawSecret(pub [u8; 32]);

impl fmt::Debug for DrawSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl DrawSecret {
    #[must_use]
    pub fn commitment(&self) -> String {
        hex(&Sha256::digest(self.0))
    }

    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One share and the order that it was sold in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShareOwner {
    pub number: i64,
    pub order_no: String,
}

/// The winning number among `shares`, which are numbered from 1 and stand in the order of their numbers: SHA-256 over the secret's 32
/// bytes and a line `number:order_no` for each share, read as one big-endian number, its remainder by the number of shares, plus one.
/// docs/draw.md says it for everybody.
#[must_use]
pub fn draw(secret: &DrawSecret, shares: &[ShareOwner]) -> i64 {
    let mut hash = Sha256::new();
    hash.update(secret.0);
    for share in shares {
        hash.update(format!("{}:{}\n", share.number, share.order_no));
    }
    let count = u64::try_from(shares.len()).unwrap_or(u64::MAX).max(1);
    let rest = hash.finalize().iter().fold(0, |rest, &byte| (rest * 256 + u64::from(byte)) % count);
    i64::try_from(rest).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(count: i64) -> Vec<ShareOwner> {
        (1..=count).map(|number| ShareOwner { number, order_no: format!("SHOP{number}") }).collect()
    }

    #[test]
    fn a_draw_is_what_anybody_else_computes() {
        // By hashlib: int.from_bytes(sha256(bytes(32) + b"1:SHOP1\n2:SHOP2\n3:SHOP3\n").digest(), "big") % 3 + 1, and so on.
        assert_eq!(draw(&DrawSecret([0; 32]), &shares(3)), 1);
        assert_eq!(draw(&DrawSecret([7; 32]), &shares(1000)), 525);
        assert_eq!(
            DrawSecret([7; 32]).commitment(),
            "4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0"
        );
        assert_eq!(draw(&DrawSecret([7; 32]), &shares(1)), 1);
    }

    #[test]
    fn every_share_wins_about_as_often() {
        let mut wins = [0; 10];
        for secret in 0..2_000_u16 {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&secret.to_be_bytes());
            wins[usize::try_from(draw(&DrawSecret(bytes), &shares(10))).expect("a number") - 1] += 1;
        }
        assert!(wins.iter().all(|wins| (140..=260).contains(wins)), "{wins:?}");
    }

    #[test]
    fn a_secret_is_never_shown() {
        assert_eq!(format!("{:?}", DrawSecret([7; 32])), "…");
    }
}
