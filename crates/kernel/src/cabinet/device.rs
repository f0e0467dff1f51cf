use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Cents, Currency, DeviceCode, DeviceId, DoorSessionId, Instant, Owner, ProductCode, ProductId, StoreId,
    Title,
};

/// A cabinet. Its row is what makes one opening of it wait for the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    pub code: DeviceCode,
    pub name: Title,
    pub store: StoreId,
    pub is_online: bool,
    /// Of when the vendor's last word about it is; absent until there is one.
    pub heard_at: Option<Instant>,
    pub planogram: Vec<Shelved>,
    /// Grows with every change of the planogram, a sale among them.
    #[serde(default)]
    pub planogram_version: i64,
    /// Whose door is open, or about to be.
    pub session: Option<DoorSessionId>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What a device offers, at which price, and how much of it is in there. It is called as its product is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelved {
    /// What vendors and the ERP call the product.
    pub code: ProductCode,
    pub product: ProductId,
    pub price: Cents,
    /// Below zero where more was taken than anybody put in.
    pub stock: i64,
}

impl Device {
    pub const MOST_SHELVED: usize = 200;
    /// The most pieces of one product that a planogram may say.
    pub const MOST_STOCK: i64 = 10_000;
    /// What the text of every device's QR code begins with.
    pub const QR: &'static str = "fanpiao:cabinet:";

    /// Where its tickets go.
    #[must_use]
    pub fn takings(&self) -> AccountId {
        Owner::Device(self.id).account(Currency::Ticket)
    }

    /// What its QR code says.
    #[must_use]
    pub fn qr(&self) -> String {
        format!("{}{}", Self::QR, self.code.as_str())
    }

    #[must_use]
    pub fn shelved(&self, code: &str) -> Option<&Shelved> {
        self.planogram.iter().find(|shelved| shelved.code.as_str() == code)
    }
}
