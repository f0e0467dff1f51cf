//! Who may do what. An endpoint names one permission; a role is a set of them; a grant may be limited to a department or to a
//! store.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DepartmentId, StoreId};

macro_rules! permissions {
    ($($variant:ident = $name:literal: $doc:literal),+ $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum Permission {
            $(#[doc = $doc] #[serde(rename = $name)] $variant),+
        }

        impl Permission {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            #[must_use]
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc),+ }
            }
        }
    };
}

permissions! {
    OrderPlace = "order:place": "Place, change and cancel one's own orders.",
    OrderProcess = "order:process": "Complete, cancel and refund anybody's orders.",
    OrderRedeem = "order:redeem": "Hand orders out.",
    MealRead = "meal:read": "See the published meals.",
    MealWrite = "meal:write": "Create, edit and steer meals.",
    MealReadOrders = "meal:read_orders": "See who ordered what for a meal.",
    WalletOwn = "wallet:own": "See one's own balance and ledger.",
    WalletRead = "wallet:read": "See anybody's balance and ledger.",
    WalletWrite = "wallet:write": "Put money into a wallet, or take it out.",
    MemberRead = "member:read": "See members.",
    MemberWrite = "member:write": "Add, change and disable members.",
    MemberErase = "member:erase": "Erase members from the data.",
    MemberExport = "member:export": "Take out everything that is kept about a member.",
    PersonalOpenid = "personal:openid": "See the whole openid of a member; each look is noted.",
    PersonalAddress = "personal:address": "See the whole address of a shop order; each look is noted.",
    ShopRead = "shop:read": "See products and rounds.",
    ShopBuy = "shop:buy": "Buy in the shop, and see one's own orders.",
    ShopWrite = "shop:write": "Keep products, their stock and rounds.",
    ShopOrders = "shop:orders": "See and hand over anybody's shop orders.",
    ShopRefund = "shop:refund": "Pay shop orders back.",
    CabinetUse = "cabinet:use": "Open cabinets, and see one's own cabinet orders.",
    CabinetRead = "cabinet:read": "See stores, cabinets and anybody's cabinet orders.",
    CabinetWrite = "cabinet:write": "Keep stores, cabinets and what is in them.",
    CabinetCorrect = "cabinet:correct": "Correct cabinet orders, and agree to what others want corrected.",
    ComplaintHandle = "complaint:handle": "See, assign, answer and close complaints.",
    DepartmentWrite = "department:write": "Create and change departments.",
    DepartmentBook = "department:book": "Book meals for a department's members.",
    ConsistencyRead = "consistency:read": "Run the consistency checks.",
    ConsistencyRepair = "consistency:repair": "Repair what the checks found.",
    AuditRead = "audit:read": "Read the audit trail.",
    ExceptionRead = "exception:read": "See what a person has to settle.",
    ExceptionSettle = "exception:settle": "Settle exceptions.",
    JobRun = "job:run": "See and run jobs.",
    AlertRead = "alert:read": "See alerts, their rules and silences.",
    AlertWrite = "alert:write": "Silence alert rules and try channels.",
    ReportRead = "report:read": "Read the daily, exception and health reports.",
    SettingsRead = "settings:read": "See what the house is configured to, but for its secrets.",
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Member,
    DeptAdmin,
    StoreStaff,
    Support,
    Finance,
    Admin,
}

impl Role {
    pub const ALL: [Self; 6] =
        [Self::Member, Self::DeptAdmin, Self::StoreStaff, Self::Support, Self::Finance, Self::Admin];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::DeptAdmin => "dept_admin",
            Self::StoreStaff => "store_staff",
            Self::Support => "support",
            Self::Finance => "finance",
            Self::Admin => "admin",
        }
    }

    #[must_use]
    pub fn permissions(self) -> &'static [Permission] {
        use Permission as P;
        match self {
            Self::Member => &[P::OrderPlace, P::MealRead, P::WalletOwn, P::ShopRead, P::ShopBuy, P::CabinetUse],
            Self::StoreStaff => &[
                P::OrderPlace,
                P::OrderRedeem,
                P::MealRead,
                P::WalletOwn,
                P::ShopRead,
                P::ShopBuy,
                P::CabinetUse,
                P::CabinetRead,
                P::PersonalAddress,
                P::ShopOrders,
                P::ShopRefund,
            ],
            Self::DeptAdmin => {
                &[P::OrderPlace, P::MealRead, P::WalletOwn, P::ShopRead, P::ShopBuy, P::CabinetUse, P::DepartmentBook]
            }
            Self::Support => &[
                P::OrderPlace,
                P::MealRead,
                P::WalletOwn,
                P::ShopRead,
                P::ShopBuy,
                P::CabinetUse,
                P::CabinetRead,
                P::ComplaintHandle,
                P::ShopOrders,
                P::MealReadOrders,
                P::MemberRead,
                P::WalletRead,
                P::ExceptionRead,
                P::AlertRead,
            ],
            Self::Finance => &[
                P::OrderPlace,
                P::MealRead,
                P::WalletOwn,
                P::ShopRead,
                P::ShopBuy,
                P::CabinetUse,
                P::CabinetRead,
                P::CabinetCorrect,
                P::ComplaintHandle,
                P::ShopOrders,
                P::ShopRefund,
                P::MealReadOrders,
                P::MemberRead,
                P::WalletRead,
                P::WalletWrite,
                P::ConsistencyRead,
                P::AuditRead,
                P::ExceptionRead,
                P::ExceptionSettle,
                P::AlertRead,
                P::ReportRead,
            ],
            Self::Admin => P::ALL,
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|role| role.as_str()).collect();
            format!("no role {text:?}; the roles are {}", known.join(", "))
        })
    }
}

/// What part of the house a role covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Everywhere,
    Department(DepartmentId),
    Store(StoreId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RoleGrant {
    pub role: Role,
    pub scope: Scope,
}

/// Everything one person has been granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(Vec<RoleGrant>);

impl Grants {
    #[must_use]
    pub fn new(mut grants: Vec<RoleGrant>) -> Self {
        grants.sort_unstable();
        grants.dedup();
        Self(grants)
    }

    #[must_use]
    pub fn allow(&self, permission: Permission) -> bool {
        self.0.iter().any(|grant| grant.role.permissions().contains(&permission))
    }

    #[must_use]
    pub fn allow_in(&self, permission: Permission, department: DepartmentId) -> bool {
        self.0.iter().any(|grant| {
            grant.role.permissions().contains(&permission)
                && match grant.scope {
                    Scope::Everywhere => true,
                    Scope::Department(own) => own == department,
                    Scope::Store(_) => false,
                }
        })
    }

    /// In which stores a permission holds; absent for all of them.
    #[must_use]
    pub fn stores_with(&self, permission: Permission) -> Option<Vec<StoreId>> {
        let mut stores = Vec::new();
        for grant in self.0.iter().filter(|grant| grant.role.permissions().contains(&permission)) {
            match grant.scope {
                Scope::Everywhere => return None,
                Scope::Department(_) => {}
                Scope::Store(store) => stores.push(store),
            }
        }
        stores.sort_unstable();
        stores.dedup();
        Some(stores)
    }

    /// The stores that roles are limited to.
    #[must_use]
    pub fn stores(&self) -> Vec<StoreId> {
        let store = |grant: &RoleGrant| match grant.scope {
            Scope::Store(store) => Some(store),
            Scope::Everywhere | Scope::Department(_) => None,
        };
        let mut stores: Vec<_> = self.0.iter().filter_map(store).collect();
        stores.sort_unstable();
        stores.dedup();
        stores
    }

    #[must_use]
    pub fn hold_everywhere(&self, role: Role) -> bool {
        self.0.contains(&RoleGrant { role, scope: Scope::Everywhere })
    }

    #[must_use]
    pub fn as_slice(&self) -> &[RoleGrant] {
        &self.0
    }

    /// Each role once, in order.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        let mut roles: Vec<_> = self.0.iter().map(|grant| grant.role).collect();
        roles.dedup();
        roles
    }

    /// Each permission once, in order.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        Permission::ALL.iter().copied().filter(|&permission| self.allow(permission)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_department_grant_stays_in_its_department() {
        let own = DepartmentId::new(7);
        let grants = Grants::new(vec![RoleGrant { role: Role::DeptAdmin, scope: Scope::Department(own) }]);
        assert!(grants.allow_in(Permission::DepartmentBook, own));
        assert!(!grants.allow_in(Permission::DepartmentBook, DepartmentId::new(8)));
        assert!(!grants.allow(Permission::MealWrite));
    }

    #[test]
    fn a_store_grant_stays_in_its_store() {
        let own = StoreId::new(7);
        let staff = |scope| RoleGrant { role: Role::StoreStaff, scope };
        let grants = Grants::new(vec![staff(Scope::Store(own))]);
        assert_eq!(grants.stores_with(Permission::CabinetRead), Some(vec![own]));
        assert_eq!(grants.stores_with(Permission::CabinetWrite), Some(Vec::new()));
        let grants = Grants::new(vec![staff(Scope::Store(own)), staff(Scope::Everywhere)]);
        assert_eq!((grants.stores_with(Permission::CabinetRead), grants.stores()), (None, vec![own]));
    }

    #[test]
    fn everybody_with_a_role_can_order() {
        assert!(Role::ALL.iter().all(|role| role.permissions().contains(&Permission::OrderPlace)));
    }
}
