use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topup::words;
use crate::{Instant, Note, StoreCode, StoreId, Title};

/// A shop that cabinets stand in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    pub id: StoreId,
    pub code: StoreCode,
    pub name: Title,
    pub kind: StoreKind,
    pub property: StoreProperty,
    pub address: Note,
    pub phone: Note,
    pub created_at: Instant,
    pub updated_at: Instant,
}

words! {
    /// What people come for.
    StoreKind {
        /// 儿童
        Children = "children",
        /// 电玩
        Arcade = "arcade",
        /// 运动馆
        Sports = "sports",
    }

    /// Whose it is.
    StoreProperty {
        /// 直营
        Own = "own",
        /// 加盟
        Franchise = "franchise",
    }
}
