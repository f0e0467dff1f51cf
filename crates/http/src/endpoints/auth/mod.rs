pub(super) mod change_password;
pub(super) mod half;
pub(super) mod login;
pub(super) mod logout;
pub(super) mod me;
pub(super) mod password;
pub(super) mod second_factor;
pub(super) mod sessions;

use kernel::{
    Department, DepartmentCode, DepartmentId, Member, MemberId, Payer, Permissions, RoleCode, StoreCode, StoreId, Title,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use crate::App;
use crate::failure::Failure;
use service::SignedIn;

/// The signed-in member.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserInfo {
    user_id: MemberId,
    /// The public id, a UUID.
    uid: String,
    nickname: String,
    avatar_url: Option<String>,
    roles: Vec<RoleCode>,
    /// What the roles allow now.
    permissions: Permissions,
    department: Option<DepartmentInfo>,
    /// The stores that this member's work is limited to.
    stores: Vec<StoreInfo>,
    /// The zone of the house, as `Asia/Shanghai`: its dates and times of day are meant wherever the reader is.
    time_zone: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct DepartmentInfo {
    department_id: DepartmentId,
    code: DepartmentCode,
    name: Title,
    pays: Payer,
}

impl From<Department> for DepartmentInfo {
    fn from(department: Department) -> Self {
        Self { department_id: department.id, code: department.code, name: department.name, pays: department.pays }
    }
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct StoreInfo {
    store_id: StoreId,
    code: StoreCode,
    name: Title,
}

impl UserInfo {
    async fn of(app: &App, member: Member) -> Result<Self, Failure> {
        let department = match member.department {
            Some(_) => queries::members::department_of(app.store(), member.id).await?,
            None => None,
        };
        let mut stores = Vec::new();
        for id in member.grants.stores() {
            let store = queries::cabinets::store(app.store(), id).await?;
            stores.extend(store.map(|store| StoreInfo { store_id: id, code: store.code, name: store.name }));
        }
        Ok(Self {
            user_id: member.id,
            uid: member.uid,
            nickname: member.nickname,
            avatar_url: member.avatar_url,
            roles: member.grants.roles(),
            permissions: queries::roles::rights(app.store(), &member.grants).await?.permissions(),
            department: department.map(DepartmentInfo::from),
            stores,
            time_zone: app.zone().iana_name().unwrap_or("UTC").to_owned(),
        })
    }
}

/// A new token and whose it is.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SignInAnswer {
    /// Goes into `Authorization: Bearer …`. Shown this once; only its hash is kept.
    token: String,
    /// Seconds.
    expires_in: i64,
    user_info: UserInfo,
}

impl SignInAnswer {
    async fn of(app: &App, signed_in: SignedIn) -> Result<Self, Failure> {
        Ok(Self {
            token: signed_in.token,
            expires_in: signed_in.expires_in_secs,
            user_info: UserInfo::of(app, signed_in.member).await?,
        })
    }
}

/// A secret that a person types, or a program hands over: never written anywhere, so it has no `Debug`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Secret(String);

impl Secret {
    const LENGTH: std::ops::RangeInclusive<usize> = 1..=256;

    pub(in crate::endpoints) fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Secret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if Self::LENGTH.contains(&text.chars().count()) { Ok(Self(text)) } else { Err("must have 1 to 256 characters") }
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": 256})
    }
}
