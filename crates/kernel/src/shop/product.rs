use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Cents, Currency, Instant, MemberId, Note, Owner, PoolId, ProductId, Quantity, Reason, Title};

/// Its pool counts the stock: the capacity is the sum of all movements, what is taken are the claims of all orders, those that have
/// been handed over included. What lies on the shelf or is reserved is the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub id: ProductId,
    pub name_zh: Title,
    pub name_en: Option<Title>,
    pub description: Note,
    pub price: Cents,
    /// How many pieces one member may have in orders that stand; absent for any number.
    pub member_limit: Option<Quantity>,
    pub on_sale: bool,
    pub pictures: Vec<Picture>,
    /// How many stock movements it has had; the next one's number is one more.
    pub movements: i64,
    /// Likewise.
    pub rounds: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl Product {
    /// The most pieces that may have come in over the years.
    pub const MOST_STOCK: i64 = 1_000_000_000_000;
    /// The most pieces that one movement brings or takes; a larger figure is a slip of the hand.
    pub const MOST_MOVED: i64 = 1_000_000;
    pub const MOST_PICTURES: usize = 9;

    #[must_use]
    pub fn pool(&self) -> PoolId {
        self.id.into()
    }

    #[must_use]
    pub fn takings(&self) -> AccountId {
        Owner::Product(self.id).account(Currency::Cny)
    }
}

/// Why a product's stock is another one now. Never changed, never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockMovement {
    pub product: ProductId,
    /// 1 for a product's first movement, without gaps.
    pub number: i64,
    pub delta: i64,
    pub reason: Reason,
    /// Absent for the house itself.
    pub moved_by: Option<MemberId>,
    pub moved_at: Instant,
    /// The sum of all movements up to this one.
    pub total_after: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PictureKind {
    Png,
    Jpeg,
    Webp,
}

impl PictureKind {
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::Webp];

    /// What its file's name ends with.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// A picture is named after its content, so that a name never shows anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// The SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
    pub kind: PictureKind,
    pub width: u32,
    pub height: u32,
}
