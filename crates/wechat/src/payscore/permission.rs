//! Whether a person lets a service run orders without confirming each.

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;
use crate::lenient::compact_instant;
use crate::pay::{Ask, Merchant, check_notify_url, check_number, check_text, segment};
use crate::secret::Secret;
use crate::time::UnixTime;

/// A pay score service as it was set up for an appid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub appid: String,
    pub service_id: String,
}

/// Whose permission: by our own code for the application, or by person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    AuthorizationCode(String),
    Openid(Secret),
}

/// Whether a person lets a service run orders. Only `Available` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermissionState {
    Unavailable,
    Available,
    /// The person has left, or never was.
    UnboundUser,
    /// A word that we do not know; no permission.
    Other(String),
}

impl<'de> Deserialize<'de> for PermissionState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(match word.as_str() {
            "UNAVAILABLE" => Self::Unavailable,
            "AVAILABLE" => Self::Available,
            "UNBINDUSER" => Self::UnboundUser,
            _ => Self::Other(word),
        })
    }
}

/// The answer to asking for a permission.
#[derive(Debug, Clone, Deserialize)]
pub struct Permission {
    pub appid: String,
    pub mchid: String,
    pub service_id: String,
    pub openid: Option<Secret>,
    pub authorization_code: Option<String>,
    #[serde(rename = "authorization_state")]
    pub state: PermissionState,
}

/// The inside of a notification that a person allowed or ended a service.
#[derive(Debug, Clone, Deserialize)]
pub struct PermissionNotice {
    pub appid: String,
    #[serde(alias = "mch_id")]
    pub mchid: String,
    pub service_id: String,
    pub openid: Secret,
    /// `USER_OPEN_SERVICE` or `USER_CLOSE_SERVICE`.
    pub user_service_status: String,
    #[serde(default, deserialize_with = "compact_instant")]
    pub openorclose_time: Option<UnixTime>,
    pub authorization_code: Option<String>,
}

impl Merchant {
    /// Asks for a permission; the token opens WeChat's page within an hour. That the page closed well proves nothing: query.
    pub async fn apply_permission(
        &self,
        service: &Service,
        authorization_code: &str,
        notify_url: &str,
    ) -> Result<Secret, Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            service_id: &'a str,
            appid: &'a str,
            authorization_code: &'a str,
            notify_url: &'a str,
        }
        #[derive(Deserialize)]
        struct Made {
            apply_permissions_token: Secret,
        }
        check_code(authorization_code)?;
        check_notify_url(notify_url, 255)?;
        let (service_id, appid) = (&service.service_id, &service.appid);
        let body = Body { service_id, appid, authorization_code, notify_url };
        let made: Made = self.call(Ask::post("/v3/payscore/permissions".to_owned(), &body)?).await?;
        Ok(made.apply_permissions_token)
    }

    /// Asks whether a permission stands.
    pub async fn query_permission(&self, service: &Service, whose: &Whose) -> Result<Permission, Error> {
        let ask = query(service, whose)?;
        let permission: Permission = self.call(ask).await?;
        self.is_mine(&permission.mchid)?;
        if permission.service_id != service.service_id || permission.appid != service.appid {
            return Err(Error::mismatch("service_id"));
        }
        let same = match whose {
            Whose::AuthorizationCode(code) => permission.authorization_code.as_ref().is_none_or(|told| told == code),
            Whose::Openid(openid) => permission.openid.as_ref().is_none_or(|told| told == openid),
        };
        if same { Ok(permission) } else { Err(Error::mismatch("openid")) }
    }

    /// Ends a permission.
    pub async fn terminate_permission(&self, service: &Service, whose: &Whose, reason: &str) -> Result<(), Error> {
        self.call_empty(terminate(service, whose, reason)?).await
    }
}

fn query(service: &Service, whose: &Whose) -> Result<Ask, Error> {
    let service_id = segment(&service.service_id);
    Ok(match whose {
        Whose::AuthorizationCode(code) => {
            check_code(code)?;
            let code = segment(code);
            Ask::get(format!("/v3/payscore/permissions/authorization-code/{code}?service_id={service_id}"))
        }
        Whose::Openid(openid) => {
            let (path, appid) = (openid_path(openid)?, segment(&service.appid));
            Ask::get(format!("{path}?appid={appid}&service_id={service_id}")).hiding(openid)
        }
    })
}

fn terminate(service: &Service, whose: &Whose, reason: &str) -> Result<Ask, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        service_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        appid: Option<&'a str>,
        reason: &'a str,
    }
    check_text("reason", reason, 1, 30)?;
    let service_id = &service.service_id;
    match whose {
        Whose::AuthorizationCode(code) => {
            check_code(code)?;
            let path = format!("/v3/payscore/permissions/authorization-code/{}/terminate", segment(code));
            Ask::post(path, &Body { service_id, appid: None, reason })
        }
        Whose::Openid(openid) => {
            let path = format!("{}/terminate", openid_path(openid)?);
            Ok(Ask::post(path, &Body { service_id, appid: Some(&service.appid), reason })?.hiding(openid))
        }
    }
}

fn openid_path(openid: &Secret) -> Result<String, Error> {
    check_number("openid", openid.expose(), 1, 128, "_-")?;
    Ok(format!("/v3/payscore/permissions/openid/{}", segment(openid.expose())))
}

fn check_code(code: &str) -> Result<(), Error> {
    check_number("authorization_code", code, 1, 32, "_-|*")
}
