//! Ids are positive integers below 2⁵³ made by the service, ordered by time. One id is never used for two things, so an account
//! or a pool may carry its owner's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            #[must_use]
            pub const fn new(id: i64) -> Self {
                Self(id)
            }

            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    MemberId,
    DepartmentId,
    MealId,
    OrderId,
    /// What somebody booked for one meal in one go: it groups one meal order a member.
    GroupOrderId,
    SubscriptionId,
    /// A meal's pool carries the meal's id.
    ProductId,
    RoundId,
    /// A pool carries the id of what it belongs to: a meal, a product, a round.
    PoolId,
    /// One transfer: the entries that carry this id sum to zero.
    TransferId,
    /// Made from the owner's id and the currency, see [`crate::Owner::account`].
    AccountId,
    RunId,
    PaymentId,
    RefundId,
    StoreId,
    DeviceId,
    /// One opening of a cabinet's door by one member.
    DoorSessionId,
    CorrectionId,
    ComplaintId,
    AlertId,
    RoleId,
    ReportId,
}

impl AccountId {
    /// What [`crate::Owner::id`] says of the account's owner.
    #[must_use]
    pub const fn owner_id(self) -> i64 {
        self.0 / 2
    }
}

impl From<MealId> for PoolId {
    fn from(meal: MealId) -> Self {
        Self(meal.0)
    }
}

impl From<ProductId> for PoolId {
    fn from(product: ProductId) -> Self {
        Self(product.0)
    }
}

impl From<RoundId> for PoolId {
    fn from(round: RoundId) -> Self {
        Self(round.0)
    }
}
