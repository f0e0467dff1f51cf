//! SQLite: one connection behind a lock, as durable as the server's own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::plan::{self, Found, Order, Placed};

pub(super) struct Writer(Arc<Mutex<Connection>>);

impl Writer {
    #[expect(clippy::disallowed_methods, reason = "the way without the store is what is measured")]
    pub(super) fn open(path: PathBuf) -> Result<Self, String> {
        let connection = Connection::open(path).map_err(|error| error.to_string())?;
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16384; \
                        PRAGMA busy_timeout = 5000; PRAGMA cache_size = -65536";
        connection.execute_batch(settings).map_err(|error| error.to_string())?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    pub(super) async fn place(&self, order: Order) -> Result<Placed, String> {
        let connection = Arc::clone(&self.0);
        let work = move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            place(&connection, &order)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
    }
}

fn place(connection: &Connection, order: &Order) -> Result<Placed, String> {
    let run = |sql: &str| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    run("BEGIN IMMEDIATE").map_err(|error| error.to_string())?;
    let placed = inside(connection, order).map_err(|error| error.to_string()).and_then(|placed| placed);
    let end = if placed.is_ok() { "COMMIT" } else { "ROLLBACK" };
    run(end).map_err(|error| error.to_string())?;
    placed
}

fn inside(connection: &Connection, order: &Order) -> rusqlite::Result<Result<Placed, String>> {
    // The server's texts number their parameters with a dollar; written in order, they are names here that count up.
    let get = |sql: &str| connection.prepare_cached(&sql.replace('$', "?"));
    let repeated = get(plan::ANSWER)?.query_row(params![order.member, order.key], |_| Ok(())).optional()?;
    if repeated.is_some() {
        return Ok(Err("asked before".to_owned()));
    }
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (capacity, taken) = get(plan::POOL)?.query_row([order.meal], pair)?;
    let (meal_status, price) = get(plan::MEAL)?.query_row([order.meal], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let member_status = get(plan::MEMBER)?.query_row([order.member], |row| row.get(0))?;
    let standing = get(plan::STANDING)?.query_row([order.meal, order.member], |_| Ok(())).optional()?;
    let wallet = get(plan::ACCOUNT)?.query_row([order.wallet()], pair)?;
    let takings = get(plan::ACCOUNT)?.query_row([order.takings()], pair)?;
    let found =
        Found { member_status, has_order: standing.is_some(), capacity, taken, meal_status, price, wallet, takings };
    let placed = match order.check(&found) {
        Ok(placed) => placed,
        Err(problem) => return Ok(Err(problem)),
    };
    get(plan::TAKE)?.execute(params![order.quantity, order.meal])?;
    let sides = [(order.wallet(), placed.wallet, -placed.total), (order.takings(), placed.takings, placed.total)];
    for (account, (balance, number), amount) in sides {
        get(plan::PAY)?.execute(params![balance, number, account])?;
        get(plan::ENTRY)?.execute(params![account, number, order.transfer, order.id, amount, balance, order.now])?;
    }
    get(plan::ORDER)?.execute(params![
        order.id,
        order.order_no(),
        order.member,
        order.meal,
        order.wallet(),
        order.quantity,
        placed.total,
        order.now
    ])?;
    get(plan::HOLD)?.execute(params![order.id, order.meal, order.quantity])?;
    get(plan::AUDIT)?.execute(params![order.audit, order.now, order.member, order.id, order.trace(placed.total)])?;
    get(plan::KEEP)?.execute(params![order.member, order.key, vec![7_u8; 32], placed.answer(), order.now])?;
    Ok(Ok(placed))
}
