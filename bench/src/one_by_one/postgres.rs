//! PostgreSQL: a pool of 32 connections; the meal's row is locked first, then the accounts in key order.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio_postgres::{Client, NoTls, Statement};

use super::plan::{self, Found, Order, Placed};

const CONNECTIONS: usize = 32;

pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

struct Connection {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

/// Locks are what this engine needs beside the shared texts.
const POOL: &str = "SELECT capacity, taken FROM pools WHERE pool_id = $1 FOR UPDATE";
const ACCOUNT: &str = "SELECT balance, entry_count FROM accounts WHERE account_id = $1 FOR UPDATE";

const TEXTS: [&str; 13] = [
    plan::ANSWER,
    POOL,
    plan::MEAL,
    plan::MEMBER,
    plan::STANDING,
    ACCOUNT,
    plan::TAKE,
    plan::PAY,
    plan::ENTRY,
    plan::ORDER,
    plan::HOLD,
    plan::AUDIT,
    plan::KEEP,
];

impl Pool {
    pub(super) async fn open(url: &str) -> Result<Self, String> {
        let mut idle = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            idle.push(connect(url).await?);
        }
        Ok(Self { idle: Mutex::new(idle), permits: Semaphore::new(CONNECTIONS) })
    }

    pub(super) async fn place(&self, order: Order) -> Result<Placed, String> {
        let _permit = self.permits.acquire().await.map_err(|error| error.to_string())?;
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or("no connection")?;
        let mut connection = connection;
        let placed = connection.place(&order).await;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        placed
    }
}

#[expect(clippy::disallowed_methods, reason = "the way without the store is what is measured")]
async fn connect(url: &str) -> Result<Connection, String> {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.map_err(|error| error.to_string())?;
    tokio::spawn(driver);
    Ok(Connection { client, statements: HashMap::new() })
}

impl Connection {
    async fn place(&mut self, order: &Order) -> Result<Placed, String> {
        if self.statements.is_empty() {
            for text in TEXTS {
                let statement = self.client.prepare(text).await.map_err(|error| error.to_string())?;
                self.statements.insert(text, statement);
            }
        }
        self.client.batch_execute("BEGIN").await.map_err(|error| error.to_string())?;
        let placed = self.inside(order).await.map_err(|error| error.to_string()).and_then(|placed| placed);
        let end = if placed.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.client.batch_execute(end).await.map_err(|error| error.to_string())?;
        placed
    }

    async fn inside(&self, order: &Order) -> Result<Result<Placed, String>, tokio_postgres::Error> {
        let (client, sql) = (&self.client, |text: &'static str| &self.statements[text]);
        if client.query_opt(sql(plan::ANSWER), &[&order.member, &order.key]).await?.is_some() {
            return Ok(Err("asked before".to_owned()));
        }
        let pool = client.query_one(sql(POOL), &[&order.meal]).await?;
        let meal = client.query_one(sql(plan::MEAL), &[&order.meal]).await?;
        let member = client.query_one(sql(plan::MEMBER), &[&order.member]).await?;
        let standing = client.query_opt(sql(plan::STANDING), &[&order.meal, &order.member]).await?;
        let (mut wallet, mut takings) = ((0, 0), (0, 0));
        let mut accounts = [(order.wallet(), &mut wallet), (order.takings(), &mut takings)];
        accounts.sort_unstable_by_key(|(account, _)| *account);
        for (account, found) in accounts {
            let row = client.query_one(sql(ACCOUNT), &[&account]).await?;
            *found = (row.get(0), row.get(1));
        }
        let found = Found {
            member_status: member.get(0),
            has_order: standing.is_some(),
            capacity: pool.get(0),
            taken: pool.get(1),
            meal_status: meal.get(0),
            price: meal.get(1),
            wallet,
            takings,
        };
        let placed = match order.check(&found) {
            Ok(placed) => placed,
            Err(problem) => return Ok(Err(problem)),
        };
        client.execute(sql(plan::TAKE), &[&order.quantity, &order.meal]).await?;
        let sides = [(order.wallet(), placed.wallet, -placed.total), (order.takings(), placed.takings, placed.total)];
        for (account, (balance, number), amount) in sides {
            client.execute(sql(plan::PAY), &[&balance, &number, &account]).await?;
            client
                .execute(
                    sql(plan::ENTRY),
                    &[&account, &number, &order.transfer, &order.id, &amount, &balance, &order.now],
                )
                .await?;
        }
        client
            .execute(
                sql(plan::ORDER),
                &[
                    &order.id,
                    &order.order_no(),
                    &order.member,
                    &order.meal,
                    &order.wallet(),
                    &order.quantity,
                    &placed.total,
                    &order.now,
                ],
            )
            .await?;
        client.execute(sql(plan::HOLD), &[&order.id, &order.meal, &order.quantity]).await?;
        let trace = order.trace(placed.total);
        client.execute(sql(plan::AUDIT), &[&order.audit, &order.now, &order.member, &order.id, &trace]).await?;
        let hash: &[u8] = &[7; 32];
        client.execute(sql(plan::KEEP), &[&order.member, &order.key, &hash, &placed.answer(), &order.now]).await?;
        Ok(Ok(placed))
    }
}
