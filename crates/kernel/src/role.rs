//! Who may do what. An endpoint names one permission; a role is a set of them that the house can change; a grant gives a role to a
//! member, and may be limited to a department or to a store.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{DepartmentId, Instant, InvalidText, RoleId, StoreId, Title};

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
    RoleWrite = "role:write": "Create, change and delete roles.",
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

impl Permission {
    /// Roles of which scopes may have it. Limited to a department or a store, a role only has what can be limited in this way, and what
    /// everybody or nobody of the kitchen and the counter may do: it opens no more of the house than its scope says.
    #[must_use]
    pub fn scopes(self) -> &'static [RoleScope] {
        match self {
            Self::OrderPlace | Self::MealRead | Self::WalletOwn | Self::ShopRead | Self::ShopBuy | Self::CabinetUse => {
                &[RoleScope::House, RoleScope::Department, RoleScope::Store]
            }
            Self::DepartmentBook => &[RoleScope::House, RoleScope::Department],
            // Orders know no store: who hands out in one may hand out every one.
            Self::OrderRedeem | Self::CabinetRead | Self::PersonalAddress | Self::ShopOrders | Self::ShopRefund => {
                &[RoleScope::House, RoleScope::Store]
            }
            _ => &[RoleScope::House],
        }
    }

    const fn bit(self) -> u64 {
        1 << self as u32
    }
}

const _: () = assert!(Permission::ALL.len() <= 64, "a set of permissions is one word");

/// Several permissions, each once and in one order.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Permission>", into = "Vec<Permission>")]
pub struct Permissions(u64);

impl Permissions {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self::of(Permission::ALL);

    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < permissions.len() {
            bits |= permissions[at].bit();
            at += 1;
        }
        Self(bits)
    }

    #[must_use]
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |&permission| self.contains(permission))
    }
}

impl From<Vec<Permission>> for Permissions {
    fn from(permissions: Vec<Permission>) -> Self {
        Self::of(&permissions)
    }
}

impl From<Permissions> for Vec<Permission> {
    fn from(permissions: Permissions) -> Self {
        permissions.iter().collect()
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl JsonSchema for Permissions {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Permissions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<Permission>::json_schema(generator)
    }
}

/// The roles that every house begins with. The house may change what all of them allow but the administrator's, and delete none: the
/// program itself gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    pub const fn as_str(self) -> &'static str {
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
    pub const fn code(self) -> RoleCode {
        RoleCode::of(self.as_str())
    }

    #[must_use]
    pub fn scope(self) -> RoleScope {
        match self {
            Self::Member | Self::Support | Self::Finance | Self::Admin => RoleScope::House,
            Self::DeptAdmin => RoleScope::Department,
            Self::StoreStaff => RoleScope::Store,
        }
    }

    /// In Chinese and in English, as a house begins with them.
    #[must_use]
    pub fn names(self) -> [&'static str; 2] {
        match self {
            Self::Member => ["用户", "Member"],
            Self::DeptAdmin => ["部门管理员", "Department administrator"],
            Self::StoreStaff => ["门店人员", "Store staff"],
            Self::Support => ["客服", "Support"],
            Self::Finance => ["财务", "Finance"],
            Self::Admin => ["系统管理员", "Administrator"],
        }
    }

    /// What it allows as a house begins.
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

/// What a role is called in the program: a lower-case letter, then up to 31 of letters, digits and underscores.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleCode {
    length: u8,
    bytes: [u8; Self::LONGEST],
}

impl RoleCode {
    const LONGEST: usize = 32;

    const fn of(text: &str) -> Self {
        let (text, mut bytes, mut at) = (text.as_bytes(), [0; Self::LONGEST], 0);
        while at < text.len() {
            bytes[at] = text[at];
            at += 1;
        }
        Self { length: at as u8, bytes }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// Which of the roles that every house begins with it is, where it is one.
    #[must_use]
    pub fn built_in(self) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.code() == self)
    }
}

impl FromStr for RoleCode {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let mut bytes = text.bytes();
        let begins = bytes.next().is_some_and(|first| first.is_ascii_lowercase());
        let goes_on = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if begins && goes_on && (2..=Self::LONGEST).contains(&text.len()) {
            Ok(Self::of(text))
        } else {
            Err(InvalidText::new("must be 2 to 32 lower-case letters, digits and underscores, a letter first"))
        }
    }
}

impl TryFrom<String> for RoleCode {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        text.parse()
    }
}

impl From<RoleCode> for String {
    fn from(code: RoleCode) -> Self {
        code.as_str().to_owned()
    }
}

impl From<Role> for RoleCode {
    fn from(role: Role) -> Self {
        role.code()
    }
}

impl fmt::Debug for RoleCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RoleCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Those that every house begins with come first, in their order.
impl Ord for RoleCode {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |code: &Self| code.built_in().map_or(Role::ALL.len(), |role| role as usize);
        (rank(self), self.as_str()).cmp(&(rank(other), other.as_str()))
    }
}

impl PartialOrd for RoleCode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl JsonSchema for RoleCode {
    fn schema_name() -> Cow<'static, str> {
        "Role".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "format": "role-code", "pattern": "^[a-z][a-z0-9_]{1,31}$", "description": "The code of a role, as `admin`.",
        })
    }
}

/// Where a role can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleScope {
    /// Everywhere.
    House,
    /// In one department at a time.
    Department,
    /// In one store at a time, or in all of them.
    Store,
}

impl RoleScope {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::House => "house",
            Self::Department => "department",
            Self::Store => "store",
        }
    }

    #[must_use]
    pub fn fits(self, scope: Scope) -> bool {
        matches!(
            (self, scope),
            (Self::House | Self::Store, Scope::Everywhere)
                | (Self::Department, Scope::Department(_))
                | (Self::Store, Scope::Store(_))
        )
    }
}

/// A role as the house has it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseRole {
    pub id: RoleId,
    pub code: RoleCode,
    pub name_zh: Title,
    pub name_en: Title,
    pub scope: RoleScope,
    pub permissions: Permissions,
    /// Goes up with every change, so that nobody changes what they have not seen.
    pub revision: i64,
    /// A deleted role is as good as none; one of the same code goes on from it.
    pub deleted_at: Option<Instant>,
}

impl HouseRole {
    /// The roles that every house begins with.
    ///
    /// # Panics
    /// Never: their names are names.
    #[must_use]
    pub fn first_ones() -> Vec<Self> {
        let title = |text: &str| Title::try_from(text.to_owned()).expect("a name");
        let first = |(number, role): (i64, Role)| Self {
            id: RoleId::new(number),
            code: role.code(),
            name_zh: title(role.names()[0]),
            name_en: title(role.names()[1]),
            scope: role.scope(),
            permissions: Permissions::of(role.permissions()),
            revision: 1,
            deleted_at: None,
        };
        (1..).zip(Role::ALL).map(first).collect()
    }

    /// The administrator's role allows everything for good: it is the way back in.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.code == Role::Admin.code()
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
    pub role: RoleCode,
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
    pub fn hold_everywhere(&self, role: RoleCode) -> bool {
        self.0.contains(&RoleGrant { role, scope: Scope::Everywhere })
    }

    #[must_use]
    pub fn as_slice(&self) -> &[RoleGrant] {
        &self.0
    }

    /// Whether the role is held anywhere.
    #[must_use]
    pub fn hold(&self, role: RoleCode) -> bool {
        self.0.iter().any(|grant| grant.role == role)
    }

    /// Each role once, in order.
    #[must_use]
    pub fn roles(&self) -> Vec<RoleCode> {
        let mut roles: Vec<_> = self.0.iter().map(|grant| grant.role).collect();
        roles.dedup();
        roles
    }
}

/// What somebody's grants come to, by what their roles allow now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights(Vec<(Scope, Permissions)>);

impl Rights {
    /// `permissions` says what a role allows; one that is not there allows nothing.
    #[must_use]
    pub fn new(grants: &Grants, permissions: impl Fn(RoleCode) -> Option<Permissions>) -> Self {
        let right = |grant: &RoleGrant| Some((grant.scope, permissions(grant.role)?));
        Self(grants.as_slice().iter().filter_map(right).collect())
    }

    /// Everything everywhere: the house's own, and an administrator's.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![(Scope::Everywhere, Permissions::ALL)])
    }

    /// What is allowed somewhere at least.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.0.iter().fold(Permissions::NONE, |sum, (_, permissions)| sum.and(*permissions))
    }

    /// What is allowed in the whole of a scope.
    #[must_use]
    pub fn within(&self, scope: Scope) -> Permissions {
        let covers = |(own, _): &&(Scope, Permissions)| *own == Scope::Everywhere || *own == scope;
        self.0.iter().filter(covers).fold(Permissions::NONE, |sum, (_, permissions)| sum.and(*permissions))
    }

    #[must_use]
    pub fn allow(&self, permission: Permission) -> bool {
        self.permissions().contains(permission)
    }

    #[must_use]
    pub fn allow_in(&self, permission: Permission, department: DepartmentId) -> bool {
        self.within(Scope::Department(department)).contains(permission)
    }

    /// In which stores a permission holds; absent for all of them.
    #[must_use]
    pub fn stores_with(&self, permission: Permission) -> Option<Vec<StoreId>> {
        let mut stores = Vec::new();
        for (scope, _) in self.0.iter().filter(|(_, permissions)| permissions.contains(permission)) {
            match *scope {
                Scope::Everywhere => return None,
                Scope::Department(_) => {}
                Scope::Store(store) => stores.push(store),
            }
        }
        stores.sort_unstable();
        stores.dedup();
        Some(stores)
    }

    /// The departments to which a permission is limited, each once.
    #[must_use]
    pub fn departments_with(&self, permission: Permission) -> Vec<DepartmentId> {
        let department = |(scope, permissions): &(Scope, Permissions)| match *scope {
            Scope::Department(department) => permissions.contains(permission).then_some(department),
            Scope::Everywhere | Scope::Store(_) => None,
        };
        let mut departments: Vec<_> = self.0.iter().filter_map(department).collect();
        departments.sort_unstable();
        departments.dedup();
        departments
    }

    /// The first of these rights that the other ones do not cover.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Permissions {
        let beyond = |(scope, permissions): &(Scope, Permissions)| permissions.without(other.within(*scope));
        self.0.iter().map(beyond).find(|beyond| !beyond.is_empty()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(grants: Vec<RoleGrant>) -> Rights {
        Rights::new(&Grants::new(grants), |code| code.built_in().map(|role| Permissions::of(role.permissions())))
    }

    #[test]
    fn a_department_grant_stays_in_its_department() {
        let own = DepartmentId::new(7);
        let rights = rights(vec![RoleGrant { role: Role::DeptAdmin.code(), scope: Scope::Department(own) }]);
        assert!(rights.allow_in(Permission::DepartmentBook, own));
        assert!(!rights.allow_in(Permission::DepartmentBook, DepartmentId::new(8)));
        assert!(!rights.allow(Permission::MealWrite));
    }

    #[test]
    fn a_store_grant_stays_in_its_store() {
        let own = StoreId::new(7);
        let staff = |scope| RoleGrant { role: Role::StoreStaff.code(), scope };
        let one = rights(vec![staff(Scope::Store(own))]);
        assert_eq!(one.stores_with(Permission::CabinetRead), Some(vec![own]));
        assert_eq!(one.stores_with(Permission::CabinetWrite), Some(Vec::new()));
        let grants = vec![staff(Scope::Store(own)), staff(Scope::Everywhere)];
        assert_eq!(Grants::new(grants.clone()).stores(), vec![own]);
        assert_eq!(rights(grants).stores_with(Permission::CabinetRead), None);
    }

    #[test]
    fn who_holds_something_in_one_place_holds_it_nowhere_else() {
        let (here, there) = (Scope::Store(StoreId::new(7)), Scope::Store(StoreId::new(8)));
        let of = |scope| rights(vec![RoleGrant { role: Role::StoreStaff.code(), scope }]);
        assert_eq!(of(here).beyond(&of(here)), Permissions::NONE);
        assert_eq!(of(here).beyond(&of(Scope::Everywhere)), Permissions::NONE);
        assert!(of(here).beyond(&of(there)).contains(Permission::CabinetRead));
        assert!(of(Scope::Everywhere).beyond(&of(here)).contains(Permission::CabinetRead));
        assert_eq!(of(here).beyond(&Rights::all()), Permissions::NONE);
    }

    #[test]
    fn the_first_roles_have_what_their_scope_can_be_limited_to() {
        for role in HouseRole::first_ones() {
            assert!(role.permissions.contains(Permission::OrderPlace), "everybody can order");
            assert!(role.permissions.iter().all(|permission| permission.scopes().contains(&role.scope)), "{role:?}");
        }
    }

    #[test]
    fn a_code_is_a_word_and_comes_after_those_that_every_house_has() {
        for code in ["ab", "kitchen_2", "a_", &"x".repeat(32)] {
            assert_eq!(code.parse::<RoleCode>().expect("a code").as_str(), code);
        }
        for code in ["", "a", "2b", "_ab", "Ab", "a b", "a-b", "ab\n", "aé", &"x".repeat(33)] {
            assert!(code.parse::<RoleCode>().is_err(), "{code:?}");
        }
        let mut codes = ["zoo", "admin", "baker", "member"].map(|code| code.parse::<RoleCode>().expect("a code"));
        codes.sort_unstable();
        assert_eq!(codes.map(|code| code.to_string()), ["member", "admin", "baker", "zoo"]);
    }

    #[test]
    fn permissions_are_a_set_in_one_order() {
        let some = Permissions::of(&[Permission::SettingsRead, Permission::OrderPlace, Permission::OrderPlace]);
        assert_eq!(some.iter().collect::<Vec<_>>(), [Permission::OrderPlace, Permission::SettingsRead]);
        assert_eq!(serde_json::to_string(&some).expect("JSON"), r#"["order:place","settings:read"]"#);
        assert_eq!(Permissions::ALL.without(some).and(some), Permissions::ALL);
        assert_eq!(Permissions::ALL.iter().count(), Permission::ALL.len());
    }
}
