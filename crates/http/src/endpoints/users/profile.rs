use axum::http::Method;
use kernel::{Cents, Instant, MemberId, Noun, Permission, Refusal, Role};
use schemars::JsonSchema;
use serde::Serialize;
use store::queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::orders::history::recent_from;
use crate::failure::Failure;
use crate::reply::Reply;

/// The caller, and how much they order.
#[derive(Serialize, JsonSchema)]
struct Profile {
    user_info: ProfileInfo,
    recent_activity: RecentActivity,
    lifetime_stats: LifetimeStats,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ProfileInfo {
    user_id: MemberId,
    /// Absent for who signs in with a password.
    openid: Option<String>,
    nickname: String,
    avatar_url: Option<String>,
    balance_cents: Cents,
    is_admin: bool,
    created_at: Instant,
}

/// Of the meals of the last thirty days and of the days to come, by the meal's date in the configured zone.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct RecentActivity {
    recent_orders: i64,
    recent_spent_cents: Cents,
    recent_meal_days: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct LifetimeStats {
    total_orders: i64,
    total_spent_cents: Cents,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletOwn,
        Declaration {
            method: Method::GET,
            path: "/api/v1/users/profile",
            id: "profile",
            tag: Tag::Wallet,
            summary: "Who one is and how much one orders",
            description: "Orders that stand count, also locked and completed ones, with what they cost, whoever paid; \
                          canceled and refunded ones do not.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, _: Input) -> Result<Reply<Profile>, Failure> {
    let id = caller.identity.member;
    let found = queries::members::show(app.store(), id).await?;
    let shown = found.ok_or(Refusal::NotFound { noun: Noun::Member })?;
    let activity = queries::orders::activity(app.store(), id, recent_from(&app)).await?;
    let member = shown.member;
    Ok(Reply::ok(Profile {
        user_info: ProfileInfo {
            user_id: id,
            openid: member.openid.map(|openid| app.service().vault().openid(&openid)).transpose()?,
            nickname: member.nickname,
            avatar_url: member.avatar_url,
            balance_cents: shown.balance,
            is_admin: member.grants.hold(Role::Admin.code()),
            created_at: member.created_at,
        },
        recent_activity: RecentActivity {
            recent_orders: activity.recent.orders,
            recent_spent_cents: activity.recent.total,
            recent_meal_days: activity.recent_days,
        },
        lifetime_stats: LifetimeStats {
            total_orders: activity.lifetime.orders,
            total_spent_cents: activity.lifetime.total,
        },
    }))
}
