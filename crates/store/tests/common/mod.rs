//! Empty databases of both kinds, and rows to put into them.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use kernel::{
    Account, AccountId, Cents, Change, Currency, Department, DepartmentId, Entry, EntryKind, Facts, Grants, Hold,
    HoldState, Instant, Meal, MealId, MealOption, MealOrder, MealStatus, Member, MemberId, MemberStatus, Needs, Openid,
    OptionId, OrderId, OrderStatus, Owner, Payer, PickupWindow, Pool, PoolId, Quantity, Role, RoleGrant, Scope, Sealed,
    Session, Slot, TransferId,
};
use store::{Answer, Engine, Error, Store, Value, Writer};

pub(crate) const NOW: i64 = 1_780_000_000_000;

pub(crate) enum Home {
    Sqlite(testing::TempDir),
    /// A schema of its own in a database that tests running at the same time share: making a database costs a second.
    Postgres {
        url: String,
        _database: Arc<testing::postgres::Database>,
    },
}

/// The database is dropped with its last user.
fn shared_database() -> Arc<testing::postgres::Database> {
    static SHARED: Mutex<Weak<testing::postgres::Database>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let database = Arc::new(testing::postgres::fresh_database());
        *shared = Arc::downgrade(&database);
        database
    })
}

impl Home {
    pub(crate) async fn new(engine: Engine) -> Self {
        static SCHEMAS: AtomicUsize = AtomicUsize::new(0);
        if engine == Engine::Sqlite {
            return Self::Sqlite(testing::TempDir::new());
        }
        let database = shared_database();
        let schema = format!("schema_{}", SCHEMAS.fetch_add(1, Relaxed));
        let mut writer = Store::new(database.url()).expect("an address").writer().await.expect("a connection");
        writer.script(&format!("CREATE SCHEMA {schema}")).await.expect("created");
        let mark = if database.url().contains('?') { '&' } else { '?' };
        let url = format!("{}{mark}options=-csearch_path%3D{schema}", database.url());
        Self::Postgres { url, _database: database }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.join("fanpiao.db").display()),
            Self::Postgres { url, .. } => url.clone(),
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(&self.url()).expect("an address")
    }

    /// A connection to the database with the schema in it.
    pub(crate) async fn migrated(&self) -> Writer {
        let mut writer = self.store().writer().await.expect("a connection");
        writer.migrate(NOW).await.expect("migrated");
        writer
    }
}

/// Whether `text` holds one of the words that a person needs to find the fault.
pub(crate) fn assert_says(error: &Error, word: &str) {
    assert!(error.to_string().contains(word), "{error}");
}

pub(crate) fn at(ms: i64) -> Instant {
    Instant::from_millis(ms)
}

pub(crate) async fn try_write(writer: &mut Writer, facts: &Facts, answers: &[Answer]) -> Result<(), Error> {
    writer.begin().await?;
    match store::write(writer, facts, answers, at(NOW)).await {
        Ok(()) => writer.commit().await,
        Err(error) => {
            writer.rollback().await;
            Err(error)
        }
    }
}

/// Writes rows that the database does not have yet.
pub(crate) async fn try_insert(writer: &mut Writer, changes: Vec<Change>) -> Result<(), Error> {
    let mut facts = Facts::default();
    facts.apply(changes);
    try_write(writer, &facts, &[]).await
}

pub(crate) async fn insert(writer: &mut Writer, changes: Vec<Change>) {
    try_insert(writer, changes).await.expect("written");
}

/// Reads in a transaction of its own.
pub(crate) async fn read(writer: &mut Writer, needs: &Needs) -> Facts {
    let mut facts = Facts::default();
    writer.begin().await.expect("begun");
    store::load(writer, needs, at(NOW), &mut facts).await.expect("loaded");
    writer.rollback().await;
    facts
}

pub(crate) async fn count(writer: &mut Writer, table: &str) -> i64 {
    let rows = writer.query(&format!("SELECT COUNT(*) FROM {table}"), &[]).await.expect("counted");
    rows.into_iter().next().expect("a row").cells().int().expect("a number")
}

/// Runs one statement in a transaction of its own.
pub(crate) async fn execute(writer: &mut Writer, sql: &str, parameters: &[Value<'_>]) -> Result<(), Error> {
    writer.begin().await?;
    match writer.query(sql, parameters).await {
        Ok(_) => writer.commit().await,
        Err(error) => {
            writer.rollback().await;
            Err(error)
        }
    }
}

/// Everything that has ever broken a program that pastes texts together, and much that people here really write.
pub(crate) const TEXTS: [&str; 6] = [
    "红烧肉 🍚 不要葱",
    "O'Brien said \"no\"; DROP TABLE members; --",
    "$1 ?1 {v} %s \\ \\n {} [] NULL",
    "ﷺ e\u{301} \u{200b}\u{202e}",
    "\t two\n lines\n ",
    "",
];

/// As the service would have sealed it.
pub(crate) fn openid(name: &str) -> Openid {
    let mut index = [0; 32];
    index[..name.len()].copy_from_slice(name.as_bytes());
    Openid { index, sealed: Sealed::new([1].iter().chain(name.as_bytes()).copied().collect()) }
}

pub(crate) fn member(id: i64) -> Member {
    Member {
        id: MemberId::new(id),
        uid: format!("uid-{id}"),
        openid: None,
        account: None,
        nickname: "王小明".to_owned(),
        avatar_url: None,
        department: None,
        status: MemberStatus::Active,
        overdraft_limit: None,
        grants: Grants::default(),
        created_at: at(NOW),
    }
}

pub(crate) fn grants() -> Grants {
    let grant = |role: Role, scope| RoleGrant { role: role.code(), scope };
    Grants::new(vec![
        grant(Role::Member, Scope::Everywhere),
        grant(Role::DeptAdmin, Scope::Department(DepartmentId::new(i64::MAX))),
    ])
}

pub(crate) fn department(id: i64, code: &str) -> Department {
    Department {
        id: DepartmentId::new(id),
        code: code.to_owned().try_into().expect("a code"),
        name: "研发部".to_owned().try_into().expect("a name"),
        pays: Payer::Department,
        overdraft_limit: None,
        members_may_cancel: true,
        created_at: at(NOW),
    }
}

pub(crate) fn session(first_byte: u8) -> Session {
    let mut token_hash = [0; 32];
    token_hash[0] = first_byte;
    token_hash[31] = 0xff;
    Session { token_hash, member: MemberId::new(1), created_at: at(NOW), expires_at: at(NOW + 1), revoked_at: None }
}

pub(crate) fn meal(id: i64, date: &str, slot: Slot) -> Meal {
    Meal {
        id: MealId::new(id),
        date: date.parse().expect("a date"),
        slot,
        title: None,
        description: String::new().try_into().expect("a note"),
        base_price: Cents::new(1500),
        options: Vec::new(),
        status: MealStatus::Published,
        orders_close_at: None,
        pickup_windows: Vec::new(),
        created_at: at(NOW),
        updated_at: at(NOW),
    }
}

pub(crate) fn options() -> Vec<MealOption> {
    let option = |id, name: &str, price| MealOption {
        id,
        name: name.to_owned().try_into().expect("a name"),
        price_cents: Cents::new(price),
    };
    vec![
        option(OptionId::Number(i64::MIN), "加饭 \"大\"", i64::MAX),
        option(OptionId::Text("辣".to_owned().try_into().expect("a title")), "it's hot", -1),
    ]
}

pub(crate) fn pool(id: i64, capacity: i64, taken: i64) -> Pool {
    Pool { id: PoolId::new(id), capacity, taken, issued: 0 }
}

pub(crate) fn window(text: &str) -> PickupWindow {
    text.to_owned().try_into().expect("a window")
}

pub(crate) fn order(id: i64, member: i64, meal: i64) -> MealOrder {
    MealOrder {
        id: OrderId::new(id),
        order_no: format!("MEAL{id}"),
        member: MemberId::new(member),
        meal: MealId::new(meal),
        payer: AccountId::new(2),
        quantity: Quantity::ONE,
        options: Vec::new(),
        total: Cents::new(1500),
        notes: String::new().try_into().expect("a note"),
        status: OrderStatus::Active,
        placed_by: None,
        group_order: None,
        redeemed_at: None,
        redeemed_by: None,
        pickup_code: None,
        pickup_window: None,
        created_at: at(NOW),
        updated_at: at(NOW),
    }
}

pub(crate) fn hold(order: i64, pool: i64) -> Hold {
    Hold { order: OrderId::new(order), pool: PoolId::new(pool), quantity: 1, state: HoldState::Held, expires_at: None }
}

pub(crate) fn account(owner: Owner, currency: Currency, balance: i64, entries: i64) -> Account {
    Account { balance: Cents::new(balance), entries, ..Account::open(owner, currency) }
}

pub(crate) fn entry(account: i64, number: i64) -> Entry {
    Entry {
        account: AccountId::new(account),
        number,
        transfer: TransferId::new(77),
        kind: EntryKind::Grant,
        order: None,
        amount: Cents::new(1),
        balance_after: Cents::new(1),
        created_at: at(NOW),
    }
}
