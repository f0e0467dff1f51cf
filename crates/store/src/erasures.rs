//! What an erasure leaves to be done beside the lane's transaction: rows about a person, as many as there may be, a portion at a time.
//! Whoever is killed in between begins again: what is gone is not found a second time.

use kernel::{Instant, MemberId};

use crate::personal::{ANEW, Cover, Place};
use crate::{Engine, Error, Store, Value, Writer};

/// Where something is kept about a person that no book needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    Password,
    SecondFactor,
    SignInTickets,
    Sessions,
    /// To the person's own requests.
    Answers,
    MealNotes,
    ShopNotes,
    Addresses,
    /// The text, the pictures and the replies; that there was a complaint stays.
    Complaints,
    StandingOrders,
}

impl Trace {
    pub const ALL: [Self; 10] = [
        Self::Password,
        Self::SecondFactor,
        Self::SignInTickets,
        Self::Sessions,
        Self::Answers,
        Self::MealNotes,
        Self::ShopNotes,
        Self::Addresses,
        Self::Complaints,
        Self::StandingOrders,
    ];

    fn sql(self) -> &'static str {
        match self {
            Self::Password => PASSWORD,
            Self::SecondFactor => SECOND_FACTOR,
            Self::SignInTickets => SIGN_IN_TICKETS,
            Self::Sessions => SESSIONS,
            Self::Answers => ANSWERS,
            Self::MealNotes => MEAL_NOTES,
            Self::ShopNotes => SHOP_NOTES,
            Self::Addresses => ADDRESSES,
            Self::Complaints => COMPLAINTS,
            Self::StandingOrders => STANDING_ORDERS,
        }
    }
}

const PASSWORD: &str = "DELETE FROM credentials WHERE member_id = $1 RETURNING member_id";
const SECOND_FACTOR: &str = "DELETE FROM second_factors WHERE member_id = $1 RETURNING member_id";
const SIGN_IN_TICKETS: &str = "DELETE FROM sign_in_tickets WHERE token_hash IN \
                               (SELECT token_hash FROM sign_in_tickets WHERE member_id = $1 LIMIT 1000) RETURNING member_id";
const SESSIONS: &str = "DELETE FROM sessions WHERE token_hash IN \
                        (SELECT token_hash FROM sessions WHERE member_id = $1 LIMIT 1000) RETURNING member_id";
const ANSWERS: &str = "DELETE FROM answers WHERE (caller_id, key) IN \
                       (SELECT caller_id, key FROM answers WHERE caller_id = $1 LIMIT 1000) RETURNING caller_id";
const MEAL_NOTES: &str = "UPDATE meal_orders SET notes = '', version = version + 1 WHERE order_id IN \
                     (SELECT order_id FROM meal_orders WHERE member_id = $1 AND notes <> '' LIMIT 1000) RETURNING order_id";
const SHOP_NOTES: &str = "UPDATE shop_orders SET notes = '', version = version + 1 WHERE order_id IN \
                          (SELECT order_id FROM shop_orders WHERE member_id = $1 AND notes <> '' LIMIT 1000) RETURNING order_id";
const ADDRESSES: &str = "UPDATE shop_orders SET address_sealed = NULL, version = version + 1 WHERE order_id IN \
                         (SELECT order_id FROM shop_orders WHERE member_id = $1 AND address_sealed IS NOT NULL LIMIT 1000) \
                         RETURNING order_id";
const COMPLAINTS: &str = "UPDATE complaints SET text = '-', pictures = '[]', replies = '[]', version = version + 1 \
                          WHERE complaint_id IN (SELECT complaint_id FROM complaints WHERE member_id = $1 \
                          AND (text <> '-' OR pictures <> '[]' OR replies <> '[]') LIMIT 1000) RETURNING complaint_id";
const STANDING_ORDERS: &str = "DELETE FROM subscriptions WHERE subscription_id IN \
                               (SELECT subscription_id FROM subscriptions WHERE owner_id = $1 AND owner_kind = 'member' \
                               LIMIT 1000) RETURNING subscription_id";

const NAMING: &str = "SELECT caller_id, key, answer FROM answers WHERE (caller_id, key) > ($1, $2) AND answer LIKE $3 \
                      ORDER BY caller_id, key LIMIT 500";

const UNWIPED: &str = "SELECT member_id FROM erasures WHERE wiped_at IS NULL AND erased_at < $1 \
                       ORDER BY erased_at, member_id LIMIT 1000";
const WIPED: &str = "UPDATE erasures SET wiped_at = $2, version = version + 1 \
                     WHERE member_id = $1 AND wiped_at IS NULL RETURNING member_id";

/// Who was erased before `until` and may have left something.
pub async fn unwiped(store: &Store, until: Instant) -> Result<Vec<MemberId>, Error> {
    let rows = store.query(UNWIPED, vec![until.as_millis().into()]).await?;
    rows.into_iter().map(|row| row.cells().int().map(MemberId::new)).collect()
}

impl Writer {
    /// Takes a portion of it away, and says whether there was any.
    pub async fn take_away(&mut self, trace: Trace, member: MemberId) -> Result<bool, Error> {
        Ok(!self.in_transaction(trace.sql(), &[member.get().into()]).await?.is_empty())
    }

    /// Rewrites a portion of what others were answered and that names the member, and tells where the next one begins.
    ///
    /// # Errors
    /// What `cover` says, and the database; then nothing of the portion is rewritten.
    pub async fn cover_answers_naming(
        &mut self,
        member: MemberId,
        (caller, key): &Place,
        cover: Cover<'_, String, String>,
    ) -> Result<Option<Place>, Error> {
        self.begin().await?;
        let naming = [Value::Int(*caller), key.as_str().into(), format!("%{member}%").into()];
        let covered = match self.query(NAMING, &naming).await {
            Ok(found) => self.rewrite_answers(found, cover).await,
            Err(error) => Err(error),
        };
        self.end(covered).await
    }

    /// Nothing is left of the member, and nothing that was under way can have added to it.
    pub async fn is_wiped(&mut self, member: MemberId, now: Instant) -> Result<(), Error> {
        self.in_transaction(WIPED, &[member.get().into(), now.as_millis().into()]).await.map(drop)
    }

    /// Leaves no page of the files with what has been taken away. PostgreSQL reuses such pages by itself.
    pub async fn forget_pages(&mut self) -> Result<(), Error> {
        match self.engine() {
            Engine::Sqlite => self.script(ANEW).await,
            Engine::Postgres => Ok(()),
        }
    }
}
