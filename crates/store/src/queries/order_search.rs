//! Meal orders of all meals, as those who help members look for them.

use kernel::{Date, DepartmentCode, DepartmentId, MealOrder, OrderId, OrderStatus, Payer, Slot, Title};

use super::exports::{self, Stream};
use super::orders::Dates;
use crate::lists::{self, ListStatement, MOST_SORTED, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::{Cells, Error, Store, Value};

/// The orders of as many members are gathered. More than these have so many that the newest are soon met.
const MOST_MEMBERS: i64 = 200;

// SQLite joins in the order of the text: what is looked up for each order must never be where it begins.
const LISTED_ALL: &str = "SELECT {place}, o.order_id, o.order_no, o.member_id, o.meal_id, o.payer_account_id, o.quantity, o.options, \
     o.total_cents, o.notes, o.status, o.placed_by, o.group_order_id, o.redeemed_at, o.redeemed_by, o.pickup_code, o.pickup_window, o.created_at, o.updated_at, \
     u.nickname, m.date, m.slot, m.title, d.department_id, d.name FROM meal_orders AS o CROSS JOIN members AS u CROSS JOIN meals AS m \
     LEFT JOIN departments AS d ON d.department_id = o.payer_account_id / 2 \
     WHERE {after} AND u.member_id = o.member_id AND m.meal_id = o.meal_id AND o.order_id >= $1 AND o.order_id < $2 \
     AND (o.status = $3 OR $3 = 'any') AND ($4 = 'any' OR (o.payer_account_id / 2 = o.member_id) = ($4 = 'member')) \
     AND m.date BETWEEN $5 AND $6 AND (m.slot = $7 OR $7 = 'any') \
     AND ($8 = '' OR LOWER(u.nickname) LIKE LOWER($9) ESCAPE '!' OR LOWER(u.account) LIKE LOWER($9) ESCAPE '!' OR u.uid = $8 \
     OR CAST(u.member_id AS TEXT) = $8) \
     AND ($10 = '' OR u.department_id = (SELECT x.department_id FROM departments AS x WHERE x.code = $10))";
// The partial index is used where its condition stands in the text.
const LISTED_PAID_FOR: &str = "SELECT {place}, o.order_id, o.order_no, o.member_id, o.meal_id, o.payer_account_id, o.quantity, o.options, \
     o.total_cents, o.notes, o.status, o.placed_by, o.group_order_id, o.redeemed_at, o.redeemed_by, o.pickup_code, o.pickup_window, o.created_at, o.updated_at, \
     u.nickname, m.date, m.slot, m.title, d.department_id, d.name FROM meal_orders AS o CROSS JOIN members AS u CROSS JOIN meals AS m \
     LEFT JOIN departments AS d ON d.department_id = o.payer_account_id / 2 \
     WHERE {after} AND u.member_id = o.member_id AND m.meal_id = o.meal_id AND o.order_id >= $1 AND o.order_id < $2 \
     AND o.payer_account_id / 2 <> o.member_id AND $4 = 'department' AND (o.status = $3 OR $3 = 'any') \
     AND m.date BETWEEN $5 AND $6 AND (m.slot = $7 OR $7 = 'any') \
     AND ($8 = '' OR LOWER(u.nickname) LIKE LOWER($9) ESCAPE '!' OR LOWER(u.account) LIKE LOWER($9) ESCAPE '!' OR u.uid = $8 \
     OR CAST(u.member_id AS TEXT) = $8) \
     AND ($10 = '' OR u.department_id = (SELECT x.department_id FROM departments AS x WHERE x.code = $10))";
const LISTED_OF_MEMBERS: &str = "WITH found AS MATERIALIZED (SELECT u.member_id, u.nickname FROM members AS u WHERE ($8 = '' OR LOWER(u.nickname) LIKE LOWER($9) ESCAPE '!' \
     OR LOWER(u.account) LIKE LOWER($9) ESCAPE '!' OR u.uid = $8 OR CAST(u.member_id AS TEXT) = $8) \
     AND ($10 = '' OR u.department_id = (SELECT x.department_id FROM departments AS x WHERE x.code = $10)) LIMIT $11) \
     SELECT {place}, o.order_id, o.order_no, o.member_id, o.meal_id, o.payer_account_id, o.quantity, o.options, \
     o.total_cents, o.notes, o.status, o.placed_by, o.group_order_id, o.redeemed_at, o.redeemed_by, o.pickup_code, o.pickup_window, o.created_at, o.updated_at, \
     u.nickname, m.date, m.slot, m.title, d.department_id, d.name FROM found AS u CROSS JOIN meal_orders AS o CROSS JOIN meals AS m \
     LEFT JOIN departments AS d ON d.department_id = o.payer_account_id / 2 \
     WHERE {after} AND o.member_id = u.member_id AND m.meal_id = o.meal_id AND o.order_id >= $1 AND o.order_id < $2 \
     AND (o.status = $3 OR $3 = 'any') AND ($4 = 'any' OR (o.payer_account_id / 2 = o.member_id) = ($4 = 'member')) \
     AND m.date BETWEEN $5 AND $6 AND (m.slot = $7 OR $7 = 'any')";
const MEMBERS: &str = "SELECT COUNT(*) FROM (SELECT u.member_id FROM members AS u WHERE ($1 = '' OR LOWER(u.nickname) LIKE LOWER($2) ESCAPE '!' \
     OR LOWER(u.account) LIKE LOWER($2) ESCAPE '!' OR u.uid = $1 OR CAST(u.member_id AS TEXT) = $1) \
     AND ($3 = '' OR u.department_id = (SELECT x.department_id FROM departments AS x WHERE x.code = $3)) LIMIT $4) AS found";
// One look at each end of each meal's orders.
const SPAN: &str = "SELECT MIN((SELECT MIN(o.order_id) FROM meal_orders AS o WHERE o.meal_id = m.meal_id)), \
     MAX((SELECT MAX(o.order_id) FROM meal_orders AS o WHERE o.meal_id = m.meal_id)) FROM meals AS m \
     WHERE m.date BETWEEN $1 AND $2 AND (m.slot = $3 OR $3 = 'any') \
     AND (m.status NOT IN ('completed', 'canceled') OR $4 = 'any')";

const IN_SPAN: &str = "SELECT COUNT(*) FROM (SELECT o.order_id FROM meal_orders AS o WHERE o.order_id >= $1 AND o.order_id < $2 LIMIT $3) AS found";

/// How lists of everybody's orders are sorted.
pub enum OrderSorting {}

impl Sorting for OrderSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_number("total_price_cents", "o.total_cents"),
        Way::by_number("quantity", "o.quantity"),
        Way::by_text("meal_date", "m.date"),
        Way::by_number("updated_at", "o.updated_at"),
    ];
}

lists! {
    ALL = ListStatement::new::<OrderSorting>("o.order_id", 10, LISTED_ALL);
    PAID_FOR = ListStatement::new::<OrderSorting>("o.order_id", 10, LISTED_PAID_FOR);
    // The sum is no index's order: PostgreSQL would walk all orders backwards to meet those of few members.
    OF_MEMBERS = ListStatement::new::<OrderSorting>("o.order_id + 0", 11, LISTED_OF_MEMBERS);
}

/// Which orders are wanted. All that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A whole order number; or of the member a part of the nickname or of the account name, or a whole id.
    pub query: Option<String>,
    /// The member's.
    pub department: Option<DepartmentCode>,
    pub status: Option<OrderStatus>,
    pub paid_by: Option<Payer>,
    /// The meal's.
    pub dates: Dates,
    pub slot: Option<Slot>,
}

/// An order, whose it is, what for, and where a department paid, which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub order: MealOrder,
    pub nickname: String,
    pub date: Date,
    pub slot: Slot,
    pub title: Option<Title>,
    pub paid_by: Option<(DepartmentId, Title)>,
}

/// Ids from the first one up to, but not at, the second.
type Span = (i64, i64);

impl Filter {
    fn number(&self) -> Option<OrderId> {
        let number = self.query.as_deref()?.trim().to_ascii_uppercase();
        kernel::numbered_order("MEAL", &number)
    }

    /// What a member has to be called; nothing where the order's own number is given.
    fn who(&self) -> [Value<'static>; 3] {
        let query = self.query.as_deref().filter(|_| self.number().is_none()).unwrap_or_default().to_owned();
        let pattern = super::containing(&query);
        let department = self.department.as_ref().map_or_else(String::new, |code| code.as_str().to_owned());
        [query.into(), pattern.into(), department.into()]
    }

    /// Where all orders are that can be meant, as far as their number, their state and their meals tell.
    async fn span(&self, store: &Store) -> Result<Span, Error> {
        if let Some(id) = self.number() {
            return Ok((id.get(), id.get() + 1));
        }
        // Such an order's meal has not ended either.
        let is_open = matches!(self.status, Some(OrderStatus::Active | OrderStatus::Locked));
        if self.dates.are_all() && !is_open {
            return Ok((0, i64::MAX));
        }
        let [from, to] = self.dates.parameters();
        let parameters =
            vec![from, to, self.slot.map_or("any", Slot::as_str).into(), if is_open { "open" } else { "any" }.into()];
        let rows = store.query(SPAN, parameters).await?;
        let Some(row) = rows.into_iter().next() else {
            return Err(Error::inconsistent("a span is missing"));
        };
        let mut cells = row.cells();
        match (cells.opt_int()?, cells.opt_int()?) {
            (Some(first), Some(last)) => Ok((first, last + 1)),
            _ => Ok((0, 0)),
        }
    }

    /// The way that passes the fewest orders that are not asked for.
    fn way(&self, are_few: bool) -> &'static ListStatement {
        match self.paid_by {
            _ if are_few => &OF_MEMBERS,
            Some(Payer::Department) => &PAID_FOR,
            _ => &ALL,
        }
    }

    async fn are_few(&self, store: &Store) -> Result<bool, Error> {
        if self.number().is_some() || (self.query.is_none() && self.department.is_none()) {
            return Ok(false);
        }
        let mut parameters = Vec::from(self.who());
        parameters.push((MOST_MEMBERS + 1).into());
        Ok(super::number(store.query(MEMBERS, parameters).await?)? <= MOST_MEMBERS)
    }

    fn parameters(&self, (first, end): Span, are_few: bool) -> Vec<Value<'static>> {
        let mut parameters: Vec<Value<'static>> = vec![
            first.into(),
            end.into(),
            self.status.map_or("any", OrderStatus::as_str).into(),
            self.paid_by.map_or("any", Payer::as_str).into(),
        ];
        parameters.extend(self.dates.parameters());
        parameters.push(self.slot.map_or("any", Slot::as_str).into());
        parameters.extend(self.who());
        parameters.extend(are_few.then_some(MOST_MEMBERS.into()));
        parameters
    }

    /// How the orders are found, given what; or the refusal to sort so many.
    async fn question(
        &self,
        store: &Store,
        page: &Page,
    ) -> Result<(&'static ListStatement, Vec<Value<'static>>), Unlisted> {
        let (span, are_few) = (self.span(store).await?, self.are_few(store).await?);
        let way = self.way(are_few);
        if page.after.is_none() && !are_few && !way.is_by_id(page.order) {
            let parameters = vec![span.0.into(), span.1.into(), (MOST_SORTED + 1).into()];
            if super::number(store.query(IN_SPAN, parameters).await?)? > MOST_SORTED {
                return Err(Unlisted::TooMany);
            }
        }
        Ok((way, self.parameters(span, are_few)))
    }
}

pub async fn list(store: &Store, filter: &Filter, page: &Page) -> Result<Vec<Placed<Found>>, Unlisted> {
    let (way, parameters) = filter.question(store, page).await?;
    way.read(store, parameters, page, found).await
}

/// One after the other, out of one snapshot.
pub async fn stream(store: &Store, filter: &Filter, page: &Page) -> Result<Stream<Found>, Unlisted> {
    let (way, parameters) = filter.question(store, page).await?;
    let rows = store.stream(vec![way.question(parameters, page)]);
    Ok(Stream::of(rows, |row| Ok(lists::placed(row, &found)?.row)).await?)
}

fn found(cells: &mut Cells) -> Result<Found, Error> {
    Ok(Found {
        order: MealOrder::from_cells(cells)?,
        nickname: cells.text()?,
        date: cells.parse("date")?,
        slot: cells.parse("slot")?,
        title: cells.opt_text()?.map(exports::title).transpose()?,
        paid_by: match cells.opt_int()? {
            Some(id) => Some((DepartmentId::new(id), cells.checked("department name")?)),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Row};

    /// Two hundred meals, one a day, and two hundred members, each with an order for each; every hundredth order was canceled and every
    /// hundredth paid by a department.
    const HOUSE: &str = "INSERT INTO meals (meal_id, date, slot, title, description, base_price_cents, options, status, orders_close_at, \
         pickup_windows, created_at, updated_at, version) \
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199) \
         SELECT 1000 + i, '20' || (10 + i / 20) || '-01-' || (11 + i % 20), 'lunch', NULL, '', 1500, '[]', \
         CASE WHEN i = 199 THEN 'published' ELSE 'completed' END, NULL, '[]', 0, 0, 0 FROM n; \
         INSERT INTO members (member_id, uid, openid_sealed, account, nickname, avatar_url, department_id, status, overdraft_limit_cents, \
         grants, created_at, version) WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 399) \
         SELECT 5000 + i, 'uid-' || i, NULL, NULL, 'm' || i, NULL, NULL, 'active', NULL, '[]', 0, 0 FROM n; \
         INSERT INTO meal_orders (order_id, order_no, member_id, meal_id, payer_account_id, quantity, options, total_cents, notes, status, \
         placed_by, group_order_id, redeemed_at, redeemed_by, pickup_code, pickup_window, created_at, updated_at, version) \
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39999) \
         SELECT 100000 + i, 'MEAL' || i, 5000 + i % 200, 1000 + i / 200, CASE WHEN i % 100 = 7 THEN 6000 ELSE (5000 + i % 200) * 2 END, 1, \
         '[]', 1500, '', CASE WHEN i >= 39800 THEN 'active' WHEN i % 100 = 9 THEN 'canceled' ELSE 'completed' END, \
         NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0 FROM n";

    async fn house(url: &str) -> Store {
        let store = Store::new(url).expect("an address");
        let mut writer = store.writer().await.expect("a connection");
        writer.migrate(0).await.expect("migrated");
        writer.script(HOUSE).await.expect("filled");
        if store.engine() == Engine::Postgres {
            writer.script("ANALYZE").await.expect("analyzed");
        }
        store
    }

    fn day(text: &str) -> Option<Date> {
        Some(text.parse().expect("a date"))
    }

    /// What is asked, how each engine finds it, and the newest order found.
    fn cases() -> Vec<(Filter, [&'static str; 2], Option<i64>)> {
        let query = |text: &str| Some(text.to_owned());
        let any = Filter::default;
        let newest = ["o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", "meal_orders_pkey"];
        vec![
            (any(), newest, Some(139_999)),
            (Filter { query: query("MEAL202603020000000316H"), ..any() }, newest, None),
            (Filter { query: query("m"), ..any() }, newest, Some(139_999)),
            (
                Filter { query: query("m123"), ..any() },
                ["o USING INDEX meal_orders_member (member_id=?)", "meal_orders_member"],
                Some(139_923),
            ),
            (Filter { query: query("m399"), ..any() }, ["meal_orders_member", "meal_orders_member"], None),
            (Filter { status: Some(OrderStatus::Canceled), ..any() }, newest, Some(139_709)),
            (
                Filter { paid_by: Some(Payer::Department), ..any() },
                ["o USING INDEX meal_orders_paid_for", "meal_orders_paid_for"],
                Some(139_907),
            ),
            (Filter { status: Some(OrderStatus::Active), ..any() }, newest, Some(139_999)),
            (Filter { status: Some(OrderStatus::Locked), ..any() }, newest, None),
            (
                Filter { dates: Dates { from: day("2010-01-11"), to: day("2010-01-12") }, ..any() },
                [newest[0], "meal_orders_"],
                Some(100_399),
            ),
        ]
    }

    async fn every_filter_has_a_way(store: Store) {
        let (explain, before, way) = match store.engine() {
            Engine::Sqlite => ("EXPLAIN QUERY PLAN ", 3, 0),
            Engine::Postgres => ("EXPLAIN ", 0, 1),
        };
        for (filter, ways, newest) in cases() {
            let page = Page::after_id::<OrderSorting>(None, 20);
            let found = list(&store, &filter, &page).await.expect("found");
            assert_eq!(found.first().map(|found| found.row.order.id.get()), newest, "{filter:?}");
            let (asked, parameters) = filter.question(&store, &page).await.expect("a question");
            let (text, parameters) = asked.question(parameters, &page);
            let plan = store.query(&format!("{explain}{text}"), parameters).await.expect("planned");
            let step = |row: Row| {
                let mut cells = row.cells();
                for _ in 0..before {
                    cells.int().expect("a number");
                }
                cells.text().expect("a step")
            };
            let plan = plan.into_iter().map(step).collect::<Vec<_>>().join("\n");
            assert!(plan.contains(ways[way]), "{filter:?}\n{plan}");
            assert!(!plan.contains("Seq Scan on meal_orders") && !plan.contains("SCAN o"), "{filter:?}\n{plan}");
        }
    }

    #[tokio::test]
    async fn every_filter_has_a_way_on_sqlite() {
        let folder = testing::TempDir::new();
        every_filter_has_a_way(house(&format!("sqlite:{}", folder.join("plan.db").display())).await).await;
    }

    #[tokio::test]
    async fn every_filter_has_a_way_on_postgres() {
        let database = testing::postgres::fresh_database();
        every_filter_has_a_way(house(database.url()).await).await;
    }

    /// However many orders there are, a few days are looked for among theirs.
    #[tokio::test]
    async fn dates_and_states_tell_where_to_look() {
        let folder = testing::TempDir::new();
        let store = house(&format!("sqlite:{}", folder.join("span.db").display())).await;
        for (filter, expected) in [
            (Filter::default(), (0, i64::MAX)),
            (Filter { status: Some(OrderStatus::Active), ..Filter::default() }, (139_800, 140_000)),
            (
                Filter {
                    slot: Some(Slot::Dinner),
                    dates: Dates { from: day("2010-01-11"), to: None },
                    ..Filter::default()
                },
                (0, 0),
            ),
            (
                Filter { dates: Dates { from: day("2010-01-11"), to: day("2010-01-12") }, ..Filter::default() },
                (100_000, 100_400),
            ),
        ] {
            assert_eq!(filter.span(&store).await.expect("a span"), expected, "{filter:?}");
        }
    }
}
