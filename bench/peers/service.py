"""Meal orders as one builds them with FastAPI and PostgreSQL: one transaction an order, the meal's row locked in it.

Usage: service.py DATABASE PASSWORD. Makes its tables in the empty database, where `admin` has the password, forks a worker for each core
and prints where it listens. It ends when its starter does.

It answers what `fanpiao bench place-orders` asks. Of what Fanpiao does for an order it leaves the idempotency key, the permissions and the
other side of each entry out.
"""

import asyncio
import hashlib
import os
import secrets
import socket
import sys
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
import orjson
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, Field

# All workers together, as many as the same work in Rust has (bench/src/one_by_one/postgres.rs).
CONNECTIONS = 32
CORES = len(os.sched_getaffinity(0))

TABLES = """
CREATE TABLE users (
    user_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    openid TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL DEFAULT 'active',
    balance_cents BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE meals (
    meal_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    date TEXT NOT NULL,
    slot TEXT NOT NULL,
    title TEXT NOT NULL,
    base_price_cents BIGINT NOT NULL,
    capacity BIGINT NOT NULL,
    ordered_quantity BIGINT NOT NULL DEFAULT 0,
    status TEXT NOT NULL,
    UNIQUE (date, slot)
);
CREATE TABLE orders (
    order_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users,
    meal_id BIGINT NOT NULL REFERENCES meals,
    quantity BIGINT NOT NULL,
    total_price_cents BIGINT NOT NULL,
    status TEXT NOT NULL DEFAULT 'active',
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX one_order_a_meal ON orders (meal_id, user_id) WHERE status = 'active';
CREATE TABLE ledger (
    ledger_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users,
    order_id BIGINT NOT NULL REFERENCES orders,
    amount_cents BIGINT NOT NULL,
    balance_after_cents BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX ledger_of_user ON ledger (user_id);
CREATE TABLE logs (
    log_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL,
    action TEXT NOT NULL,
    details JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
"""
WHO = """
SELECT u.user_id FROM sessions AS s JOIN users AS u USING (user_id)
WHERE s.token_hash = $1 AND s.expires_at > now() AND u.status = 'active'
"""
CHECKS = {
    "balance": """
        SELECT COUNT(*) FROM users AS u
        WHERE u.balance_cents <> (SELECT COALESCE(SUM(amount_cents), 0) FROM ledger AS l WHERE l.user_id = u.user_id)
    """,
    "capacity": """
        SELECT COUNT(*) FROM meals AS m
        WHERE m.ordered_quantity > m.capacity OR m.ordered_quantity <>
            (SELECT COALESCE(SUM(quantity), 0) FROM orders AS o WHERE o.meal_id = m.meal_id AND o.status = 'active')
    """,
    "ledger": """
        SELECT COUNT(*) FROM orders AS o LEFT JOIN ledger AS l USING (order_id)
        WHERE l.amount_cents IS DISTINCT FROM -o.total_price_cents
    """,
}


class Password(BaseModel):
    account: str
    password: str


class Code(BaseModel):
    code: str


class NewMeal(BaseModel):
    date: str
    slot: str
    title: str
    base_price_cents: int
    capacity: int = Field(ge=0)
    status: str


class NewOrder(BaseModel):
    meal_id: int
    quantity: int = Field(default=1, ge=1, le=1000)


database, password = sys.argv[1:]
starter = os.pipe()
pool = None


@asynccontextmanager
async def connected(app):
    global pool
    asyncio.get_running_loop().add_reader(starter[0], os._exit, 0)
    size = max(CONNECTIONS // CORES, 1)
    async with asyncpg.create_pool(database, min_size=size, max_size=size) as pool:
        yield


app = FastAPI(lifespan=connected, openapi_url=None)


def done(data):
    answer = orjson.dumps({"success": True, "message": "ok", "data": data})
    return Response(answer, media_type="application/json")


def hashed(token):
    return hashlib.sha256(token.encode()).digest()


async def caller(authorization: Annotated[str, Header()]):
    user = await pool.fetchval(WHO, hashed(authorization.removeprefix("Bearer ")))
    if user is None:
        raise HTTPException(401, "no session")
    return user


async def open_session(connection, user):
    token = secrets.token_urlsafe(32)
    await connection.execute("INSERT INTO sessions VALUES ($1, $2, now() + interval '1 day')", hashed(token), user)
    return done({"token": token})


@app.post("/api/v1/auth/password")
async def sign_in_with_password(body: Password):
    if body.account != "admin" or not secrets.compare_digest(body.password, password):
        raise HTTPException(401, "wrong")
    return await open_session(pool, await pool.fetchval("SELECT user_id FROM users WHERE openid = 'admin'"))


@app.post("/api/v1/auth/login")
async def sign_in(body: Code):
    async with pool.acquire() as connection, connection.transaction():
        user = await connection.fetchval("INSERT INTO users (openid) VALUES ($1) RETURNING user_id", body.code)
        return await open_session(connection, user)


@app.post("/api/v1/meals", dependencies=[Depends(caller)])
async def create_meal(body: NewMeal):
    try:
        meal = await pool.fetchval(
            "INSERT INTO meals (date, slot, title, base_price_cents, capacity, status) "
            "VALUES ($1, $2, $3, $4, $5, $6) RETURNING meal_id",
            *(body.date, body.slot, body.title, body.base_price_cents, body.capacity, body.status),
        )
    except asyncpg.UniqueViolationError:
        raise HTTPException(400, "date taken")
    return done({"meal_id": meal})


@app.get("/api/v1/meals/{meal_id}", dependencies=[Depends(caller)])
async def show_meal(meal_id: int):
    ordered = await pool.fetchval("SELECT ordered_quantity FROM meals WHERE meal_id = $1", meal_id)
    return done({"meal_id": meal_id, "ordered_quantity": ordered})


@app.get("/api/v1/meals/{meal_id}/orders", dependencies=[Depends(caller)])
async def list_orders(meal_id: int, limit: int = 50, cursor: int = 0):
    orders = await pool.fetch(
        "SELECT order_id FROM orders WHERE meal_id = $1 AND order_id > $2 AND status = 'active' ORDER BY order_id LIMIT $3",
        *(meal_id, cursor, limit),
    )
    following = str(orders[-1]["order_id"]) if len(orders) == limit else None
    return done({"orders": [dict(order) for order in orders], "page_info": {"next_cursor": following}})


@app.post("/api/v1/orders")
async def place_order(body: NewOrder, user: Annotated[int, Depends(caller)]):
    async with pool.acquire() as connection:
        try:
            async with connection.transaction():
                return done(await place(connection, body, user))
        except asyncpg.UniqueViolationError:
            raise HTTPException(400, "ordered already")


async def place(connection, body, user):
    meal = await connection.fetchrow(
        "SELECT base_price_cents, capacity, ordered_quantity, status FROM meals WHERE meal_id = $1 FOR UPDATE", body.meal_id
    )
    if meal is None:
        raise HTTPException(404, "no such meal")
    if meal["status"] != "published":
        raise HTTPException(400, "not open")
    if meal["capacity"] - meal["ordered_quantity"] < body.quantity:
        raise HTTPException(400, "sold out")
    total = meal["base_price_cents"] * body.quantity
    order = await connection.fetchrow(
        "INSERT INTO orders (user_id, meal_id, quantity, total_price_cents) VALUES ($1, $2, $3, $4) "
        "RETURNING order_id, status, created_at",
        *(user, body.meal_id, body.quantity, total),
    )
    await connection.execute(
        "UPDATE meals SET ordered_quantity = ordered_quantity + $1 WHERE meal_id = $2", body.quantity, body.meal_id
    )
    balance = await connection.fetchval(
        "UPDATE users SET balance_cents = balance_cents - $1 WHERE user_id = $2 RETURNING balance_cents", total, user
    )
    await connection.execute(
        "INSERT INTO ledger (user_id, order_id, amount_cents, balance_after_cents) VALUES ($1, $2, $3, $4)",
        *(user, order["order_id"], -total, balance),
    )
    placed = {"order_id": order["order_id"], "meal_id": body.meal_id, "quantity": body.quantity, "total_price_cents": total}
    await connection.execute(
        "INSERT INTO logs (user_id, action, details) VALUES ($1, 'create', $2)", user, orjson.dumps(placed).decode()
    )
    state = {"user_id": user, "status": order["status"], "created_at": order["created_at"], "balance_cents": balance}
    return placed | state


@app.get("/api/v1/admin/consistency", dependencies=[Depends(caller)])
async def check():
    wrong = {name: await pool.fetchval(query) for name, query in CHECKS.items()}
    return done({"checks": {name: {"status": "fail" if count else "pass", "count": count} for name, count in wrong.items()}})


async def make_tables():
    connection = await asyncpg.connect(database)
    await connection.execute(TABLES)
    await connection.execute("INSERT INTO users (openid) VALUES ('admin')")
    await connection.close()


def main():
    asyncio.run(make_tables())
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    for _ in range(CORES):
        if os.fork() == 0:
            # Only the starter has the other end: it closes as the starter ends, however that comes about.
            os.close(starter[1])
            config = uvicorn.Config(
                app, loop="uvloop", http="httptools", access_log=False, log_level="warning", timeout_keep_alive=600
            )
            uvicorn.Server(config).run(sockets=[listener])
            os._exit(0)
    print(f"fastapi listens on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    os.wait()


main()
