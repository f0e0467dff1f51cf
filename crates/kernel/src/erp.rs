//! What the house and its ERP tell each other: products come in, sales go out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::known::known;
use crate::{Date, Instant, Price, ProductCode, ProductId, StoreCode, StoreId, Title};

/// Which of our products the ERP means by a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErpProduct {
    pub code: ProductCode,
    pub product: ProductId,
    /// Of when the ERP's last word about it is.
    pub told_at: Instant,
}

/// A day's sales of a store, as they were told the ERP. What they come to is counted from the orders each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SalesDocument {
    pub date: Date,
    pub store: StoreId,
    /// What the ERP knows it by, however often it is sent.
    pub document_no: String,
    /// How often it was sent off.
    pub sends: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErpCommand {
    TakeProduct(TakeProduct),
    SendSales(SendSales),
}

/// The ERP's word about a product: a new one, or another name or price. An older word than is known changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeProduct {
    pub code: ProductCode,
    /// What cabinets have under the code, as its sender has looked up: that product is meant by the first word.
    pub shelved: Option<ProductId>,
    pub name_zh: Title,
    pub name_en: Option<Title>,
    pub price: Price,
    pub at: Instant,
}

/// Owes the ERP a day's sales of some stores, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendSales {
    pub date: Date,
    pub stores: BTreeSet<StoreId>,
    /// Once more, under the same numbers.
    pub again: bool,
}

impl SalesDocument {
    /// The same for a day and a store, whoever asks and however often.
    #[must_use]
    pub fn number(date: Date, store: &StoreCode) -> String {
        format!("SALE{}-{}", date.to_string().replace('-', ""), store.as_str())
    }
}

impl ErpCommand {
    pub(crate) fn lane_key(&self) -> i64 {
        match self {
            Self::TakeProduct(_) => 0,
            Self::SendSales(SendSales { stores, .. }) => stores.first().map_or(0, |store| store.get()),
        }
    }
}

known! {
    /// The ERP's part of what a batch depends on.
    ErpFacts,
    /// Which of the ERP's rows to read.
    ErpNeeds;

    tables {
        products: ProductCode => ErpProduct,
        sales: (Date, StoreId) => SalesDocument,
    }
    look_ups {}
    last tables {}
    last look_ups {}
    parts {}
    besides {}
}
