//! The audit trail. One text for each index that can lead to what is asked for; the other conditions are looked at row by row.

use kernel::{Instant, MemberId};

use crate::lists::{Sorting, Way};
use crate::{Error, Row, Store, Value};

/// The trail is read from its end.
pub enum AuditSorting {}

impl Sorting for AuditSorting {
    const WAYS: &'static [Way] = &[Way::by_id("at")];
}

/// Which records are wanted. All that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub actor: Option<MemberId>,
    pub object_kind: Option<String>,
    pub object: Option<i64>,
    pub action: Option<String>,
    pub from: Option<Instant>,
    /// Up to, but not at, this moment.
    pub to: Option<Instant>,
    /// No record from `from` on has a smaller id.
    pub first_id: i64,
    /// Only records with smaller ids.
    pub before_id: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: i64,
    pub at: Instant,
    pub actor: Option<MemberId>,
    pub nickname: Option<String>,
    pub action: String,
    pub object_kind: String,
    pub object: i64,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
    pub reason: Option<String>,
}

/// Whatever is asked for, the end of the trail is read: for a time alone, and for what is so common that it is found there at once.
const ALL: &str = "SELECT a.audit_id, a.at, a.actor_id, u.nickname, a.action, a.object_kind, a.object_id, a.value_before, \
     a.value_after, a.reason FROM audits AS a LEFT JOIN members AS u ON u.member_id = a.actor_id \
     WHERE a.audit_id < $1 AND a.audit_id >= $2 AND a.at >= $3 AND a.at < $4 \
     AND (a.actor_id = $5 OR $5 = 0) AND (a.object_id = $6 OR $6 = 0) \
     AND (a.object_kind = $7 OR $7 = 'any') AND (a.action = $8 OR $8 = 'any') ORDER BY a.audit_id DESC LIMIT $9";
const OF_OBJECT: &str = "SELECT a.audit_id, a.at, a.actor_id, u.nickname, a.action, a.object_kind, a.object_id, a.value_before, \
     a.value_after, a.reason FROM audits AS a LEFT JOIN members AS u ON u.member_id = a.actor_id \
     WHERE a.object_id = $6 AND a.audit_id < $1 AND a.audit_id >= $2 AND a.at >= $3 AND a.at < $4 \
     AND (a.actor_id = $5 OR $5 = 0) AND (a.object_kind = $7 OR $7 = 'any') \
     AND (a.action = $8 OR $8 = 'any') ORDER BY a.audit_id DESC LIMIT $9";
// A person's records, without the orders placed; those orders, for the person and by the person; the newest of all three.
const OF_ACTOR: &str = "WITH found AS (\
     SELECT * FROM (SELECT b.audit_id FROM audits AS b WHERE b.actor_id = $5 AND b.action <> 'order.place' \
     AND b.audit_id < $1 AND b.audit_id >= $2 AND b.at >= $3 AND b.at < $4 AND (b.object_id = $6 OR $6 = 0) \
     AND (b.object_kind = $7 OR $7 = 'any') AND (b.action = $8 OR $8 = 'any') ORDER BY b.audit_id DESC LIMIT $9) AS done UNION ALL \
     SELECT * FROM (SELECT b.audit_id FROM meal_orders AS o JOIN audits AS b ON b.object_id = o.order_id \
     WHERE o.member_id = $5 AND b.actor_id = $5 AND b.action = 'order.place' \
     AND b.audit_id < $1 AND b.audit_id >= $2 AND b.at >= $3 AND b.at < $4 AND $7 IN ('any', 'order') \
     AND $8 IN ('any', 'order.place') ORDER BY o.order_id DESC LIMIT $9) AS own UNION ALL \
     SELECT * FROM (SELECT b.audit_id FROM meal_orders AS o JOIN audits AS b ON b.object_id = o.order_id \
     WHERE o.placed_by = $5 AND o.member_id <> $5 AND b.actor_id = $5 AND b.action = 'order.place' \
     AND b.audit_id < $1 AND b.audit_id >= $2 AND b.at >= $3 AND b.at < $4 AND $7 IN ('any', 'order') \
     AND $8 IN ('any', 'order.place') ORDER BY o.order_id DESC LIMIT $9) AS booked) \
     SELECT a.audit_id, a.at, a.actor_id, u.nickname, a.action, a.object_kind, a.object_id, a.value_before, \
     a.value_after, a.reason FROM found JOIN audits AS a ON a.audit_id = found.audit_id \
     LEFT JOIN members AS u ON u.member_id = a.actor_id ORDER BY a.audit_id DESC LIMIT $9";
// The partial indexes are used where their condition stands in the text.
const OF_ACTION: &str = "SELECT a.audit_id, a.at, a.actor_id, u.nickname, a.action, a.object_kind, a.object_id, a.value_before, \
     a.value_after, a.reason FROM audits AS a LEFT JOIN members AS u ON u.member_id = a.actor_id \
     WHERE a.action = $8 AND a.action <> 'order.place' AND a.audit_id < $1 AND a.audit_id >= $2 AND a.at >= $3 AND a.at < $4 \
     AND (a.actor_id = $5 OR $5 = 0) AND (a.object_id = $6 OR $6 = 0) \
     AND (a.object_kind = $7 OR $7 = 'any') ORDER BY a.audit_id DESC LIMIT $9";
const OF_KIND: &str = "SELECT a.audit_id, a.at, a.actor_id, u.nickname, a.action, a.object_kind, a.object_id, a.value_before, \
     a.value_after, a.reason FROM audits AS a LEFT JOIN members AS u ON u.member_id = a.actor_id \
     WHERE a.object_kind = $7 AND a.object_kind <> 'order' AND a.audit_id < $1 AND a.audit_id >= $2 AND a.at >= $3 AND a.at < $4 \
     AND (a.actor_id = $5 OR $5 = 0) AND (a.object_id = $6 OR $6 = 0) \
     AND (a.action = $8 OR $8 = 'any') ORDER BY a.audit_id DESC LIMIT $9";

impl Filter {
    /// The way that passes the fewest records that are not asked for.
    fn text(&self) -> &'static str {
        if self.object.is_some() {
            return OF_OBJECT;
        }
        if self.actor.is_some() {
            return OF_ACTOR;
        }
        match (self.action.as_deref(), self.object_kind.as_deref()) {
            (Some("order.place"), _) => ALL,
            (Some(_), _) => OF_ACTION,
            (None, None | Some("order")) => ALL,
            (None, Some(_)) => OF_KIND,
        }
    }

    fn parameters(&self, limit: i64) -> Vec<Value<'static>> {
        let text = |wanted: &Option<String>| Value::from(wanted.clone().unwrap_or_else(|| "any".to_owned()));
        vec![
            self.before_id.into(),
            self.first_id.into(),
            self.from.map_or(i64::MIN, Instant::as_millis).into(),
            self.to.map_or(i64::MAX, Instant::as_millis).into(),
            self.actor.map_or(0, MemberId::get).into(),
            self.object.unwrap_or(0).into(),
            text(&self.object_kind),
            text(&self.action),
            limit.into(),
        ]
    }
}

/// Newest first.
pub async fn list(store: &Store, filter: &Filter, limit: i64) -> Result<Vec<Record>, Error> {
    let rows = store.query(filter.text(), filter.parameters(limit)).await?;
    rows.into_iter().map(record).collect()
}

fn record(row: Row) -> Result<Record, Error> {
    let mut cells = row.cells();
    let json = |text: Option<String>| match text.map(|text| serde_json::from_str(&text)) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(error)) => Err(Error::inconsistent(format!("not an audited value: {error}"))),
    };
    Ok(Record {
        id: cells.int()?,
        at: Instant::from_millis(cells.int()?),
        actor: cells.opt_int()?.map(MemberId::new),
        nickname: cells.opt_text()?,
        action: cells.text()?,
        object_kind: cells.text()?,
        object: cells.int()?,
        before: json(cells.opt_text()?)?,
        after: json(cells.opt_text()?)?,
        reason: cells.opt_text()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn plan(filter: &Filter) -> String {
        let folder = testing::TempDir::new();
        let store = Store::new(&format!("sqlite:{}", folder.join("plan.db").display())).expect("an address");
        let mut writer = store.writer().await.expect("a connection");
        writer.migrate(0).await.expect("migrated");
        let text = format!("EXPLAIN QUERY PLAN {}", filter.text());
        let rows = writer.query(&text, &filter.parameters(10)).await.expect("planned");
        let step = |row: Row| {
            let mut cells = row.cells();
            let [_, _, _] = [(); 3].map(|()| cells.int());
            cells.text().expect("a step")
        };
        rows.into_iter().map(step).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn every_filter_has_a_way_that_needs_no_sorting() {
        let word = |text: &str| Some(text.to_owned());
        for (way, filter) in [
            ("audits_object", Filter { object: Some(1), ..Filter::default() }),
            ("audits_action", Filter { action: word("meal.edit"), ..Filter::default() }),
            ("audits_kind", Filter { object_kind: word("meal"), ..Filter::default() }),
            ("PRIMARY KEY", Filter { object_kind: word("order"), ..Filter::default() }),
            ("PRIMARY KEY", Filter::default()),
        ] {
            let plan = plan(&filter).await;
            assert!(
                plan.contains(&format!("SEARCH a USING INDEX {way} "))
                    || plan.contains(&format!("SEARCH a USING INTEGER {way} ")),
                "{plan}"
            );
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
        let plan = plan(&Filter { actor: Some(MemberId::new(1)), ..Filter::default() }).await;
        for way in [
            "b USING INDEX audits_actor ",
            "o USING COVERING INDEX meal_orders_member ",
            "o USING INDEX meal_orders_placed_by ",
        ] {
            assert!(plan.contains(&format!("SEARCH {way}")), "{plan}");
        }
        assert!(!plan.contains("SCAN a"), "{plan}");
    }
}
