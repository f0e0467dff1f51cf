use serde_json::{Value, json};

use super::notices::{Wanted, fresh_token, tell};
use super::orders::{check_notify_url, check_number, limited};
use super::reply::{Outcome, Reply, no_content, ok, parameter, refuse};
use super::{Book, Call, MCHID, SERVICE_ID};
use crate::text;
use crate::world::Shared;

/// Whether somebody lets the service run orders.
pub(crate) struct Permission {
    pub(crate) authorization_code: String,
    pub(crate) token: String,
    notify_url: Option<String>,
    pub(crate) openid: Option<String>,
    pub(crate) is_available: bool,
}

pub(super) fn apply(shared: &Shared, call: &Call) -> Outcome {
    let request = call.object()?;
    check_service(shared, request.get("service_id"), request.get("appid"))?;
    let code = limited(request.get("authorization_code"), "/authorization_code", 32)?;
    check_number("/authorization_code", &code, 1, "_-|*")?;
    let notify_url = match request.get("notify_url") {
        None => None,
        some => Some(limited(some, "/notify_url", 255)?),
    };
    notify_url.as_deref().map_or(Ok(()), check_notify_url)?;
    let mut book = shared.pay.book();
    if book.permissions.get(&code).is_some_and(|known| known.openid.is_some()) {
        return Err(refuse(400, "INVALID_REQUEST", "授权协议号已使用", 271_316_598));
    }
    let token = fresh_token();
    let permission = Permission {
        authorization_code: code.clone(),
        token: token.clone(),
        notify_url,
        openid: None,
        is_available: false,
    };
    book.permissions.insert(code, permission);
    Ok(ok(&json!({"apply_permissions_token": token})))
}

pub(super) fn check_service(shared: &Shared, service_id: Option<&Value>, appid: Option<&Value>) -> Result<(), Reply> {
    if service_id.and_then(Value::as_str) != Some(SERVICE_ID) {
        return Err(refuse(403, "NO_AUTH", "商户暂无权限使用此服务", 268_503_786));
    }
    match appid {
        Some(appid) if appid.as_str() != Some(shared.config.appid.as_str()) => {
            Err(refuse(400, "PARAM_ERROR", "商户号与appid无绑定关系", 271_302_149))
        }
        _ => Ok(()),
    }
}

fn find<'a>(book: &'a mut Book, by: &str, whose: &str) -> Option<&'a mut Permission> {
    if by == "openid" {
        return book.permission_of(whose);
    }
    book.permissions.get_mut(whose)
}

impl Book {
    /// The person's permission that stands, or else the last one that stood.
    fn permission_of(&mut self, openid: &str) -> Option<&mut Permission> {
        let theirs = |permission: &&mut Permission| permission.openid.as_deref() == Some(openid);
        self.permissions.values_mut().filter(theirs).max_by_key(|permission| permission.is_available)
    }

    pub(crate) fn is_permitted(&mut self, openid: &str) -> bool {
        self.permission_of(openid).is_some_and(|permission| permission.is_available)
    }
}

pub(super) fn query(shared: &Shared, call: &Call, by: &str, whose: &str) -> Outcome {
    let service_id = call.query_value("service_id").map(Value::from);
    let appid = call.query_value("appid").map(Value::from);
    check_service(shared, service_id.as_ref(), appid.as_ref())?;
    let mut book = shared.pay.book();
    let found = find(&mut book, by, whose);
    let state = match &found {
        Some(permission) if permission.is_available => "AVAILABLE",
        _ => "UNAVAILABLE",
    };
    let mut view = json!({
        "service_id": SERVICE_ID,
        "appid": shared.config.appid,
        "mchid": MCHID,
        "authorization_state": state,
    });
    match found {
        Some(permission) => {
            view["authorization_code"] = permission.authorization_code.as_str().into();
            if let Some(openid) = &permission.openid {
                view["openid"] = openid.as_str().into();
            }
        }
        None if by == "openid" => view["openid"] = whose.into(),
        None => return Err(refuse(404, "ORDER_NOT_EXIST", "查询单据不存在", 271_317_510)),
    }
    Ok(ok(&view))
}

pub(super) fn terminate(shared: &Shared, call: &Call, by: &str, whose: &str) -> Outcome {
    let request = call.object()?;
    check_service(shared, request.get("service_id"), request.get("appid"))?;
    if by == "openid" && request.get("appid").is_none() {
        return Err(parameter("/appid", "缺少参数"));
    }
    limited(request.get("reason"), "/reason", 30)?;
    let mut book = shared.pay.book();
    let permission = find(&mut book, by, whose).filter(|permission| permission.is_available);
    let Some(permission) = permission else {
        return Err(refuse(400, "INVALID_REQUEST", "用户未授权", 271_302_262));
    };
    permission.is_available = false;
    let code = permission.authorization_code.clone();
    tell_change(shared, &mut book, &code);
    Ok(no_content())
}

/// A person allows the service on WeChat's page.
pub(crate) fn open_permission(shared: &Shared, book: &mut Book, code: &str, openid: &str) -> bool {
    change(shared, book, code, openid, true)
}

/// A person ends the service on WeChat's page.
pub(crate) fn close_permission(shared: &Shared, book: &mut Book, code: &str, openid: &str) -> bool {
    change(shared, book, code, openid, false)
}

/// Whether a person lets the service collect, whoever asked for it.
pub(crate) fn allow_score(shared: &Shared, book: &mut Book, openid: &str, allow: bool) -> bool {
    let code = match book.permission_of(openid) {
        Some(permission) => permission.authorization_code.clone(),
        None => {
            let code = format!("SIM{}", book.next_number());
            let (authorization_code, token) = (code.clone(), fresh_token());
            let permission =
                Permission { authorization_code, token, notify_url: None, openid: None, is_available: false };
            book.permissions.insert(code.clone(), permission);
            code
        }
    };
    change(shared, book, &code, openid, allow)
}

fn change(shared: &Shared, book: &mut Book, code: &str, openid: &str, allow: bool) -> bool {
    let Some(permission) = book.permissions.get_mut(code) else {
        return false;
    };
    if permission.is_available == allow || permission.openid.as_deref().is_some_and(|known| known != openid) {
        return false;
    }
    permission.openid = Some(openid.to_owned());
    permission.is_available = allow;
    tell_change(shared, book, code);
    true
}

fn tell_change(shared: &Shared, book: &mut Book, code: &str) {
    let Some(permission) = book.permissions.get(code) else {
        return;
    };
    let Some(url) = permission.notify_url.clone() else {
        return;
    };
    let (event_type, status, summary) = if permission.is_available {
        ("PAYSCORE.USER_OPEN_SERVICE", "USER_OPEN_SERVICE", "签约成功")
    } else {
        ("PAYSCORE.USER_CLOSE_SERVICE", "USER_CLOSE_SERVICE", "解约成功")
    };
    let content = json!({
        "appid": shared.config.appid,
        "mchid": MCHID,
        "service_id": SERVICE_ID,
        "openid": permission.openid,
        "user_service_status": status,
        "openorclose_time": text::compact(shared.config.clock.business_ms()),
        "authorization_code": permission.authorization_code,
    });
    tell(shared, book, &url, (event_type, "payscore", summary), &content, Wanted::default());
}
