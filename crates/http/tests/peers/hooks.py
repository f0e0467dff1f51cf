"""Who the requests are by that schemathesis sends, and what they are about.

FANPIAO_URL is the server. FANPIAO_FUZZ_AS says who asks: `administrator`, `member`, or `nobody`, who has no session.

Some requests take the caller's own session, password, role or account away. Whoever is told 401 and has no session any more becomes
somebody new: an administrator from the command line (FANPIAO_SERVER, with the server's own settings), a member by signing in at WeChat
for the first time.

No chance finds a number that something has, and made-up idempotency keys repeat. So the ids and order numbers of all answers are kept
under their names, and every other request has some of those in the places of these names, and a key of its own.
"""

import collections
import itertools
import os
import random
import subprocess

import requests
import schemathesis

URL = os.environ["FANPIAO_URL"]
SOMEBODY = os.environ["FANPIAO_FUZZ_AS"]
CHANCE = random.Random(os.environ["FANPIAO_FUZZ_SEED"])
PASSWORD = "only for this run"
NUMBERS = itertools.count(1)
KNOWN = collections.defaultdict(list)
MOST_KNOWN = 50


def ask(path, **what):
    return requests.get(f"{URL}{path}", timeout=60, **what)


def signed_in(path, body):
    answer = requests.post(f"{URL}/api/v1/auth/{path}", json=body, timeout=60)
    answer.raise_for_status()
    return {"Authorization": "Bearer " + answer.json()["data"]["token"]}


def new_administrator():
    account = f"fuzz-{os.getpid()}-{next(NUMBERS)}"
    add = [os.environ["FANPIAO_SERVER"], "user", "add", "--account", account, "--role", "admin", "--password-stdin"]
    subprocess.run(add, input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
    return signed_in("password", {"account": account, "password": PASSWORD})


def new_member():
    return signed_in("login", {"code": f"sim-fuzz{os.getpid()}x{next(NUMBERS)}-1"})


def new_session():
    match SOMEBODY:
        case "administrator":
            return new_administrator()
        case "member":
            return new_member()
        case "nobody":
            return {}


def learn(value):
    if isinstance(value, list):
        for item in value:
            learn(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, (dict, list)):
                learn(item)
            elif item is not None and name.endswith(("_id", "_no", "_code", "Id")):
                known = KNOWN[name]
                if item not in known and len(known) < MOST_KNOWN:
                    known.append(item)


def about_known(value):
    if isinstance(value, list):
        return [about_known(item) for item in value]
    if isinstance(value, dict):
        return {name: CHANCE.choice(KNOWN[name]) if KNOWN[name] else about_known(item) for name, item in value.items()}
    return value


def learn_from(response):
    if response.headers.get("content-type", "").startswith("application/json"):
        learn(response.json())


session = new_session()
for path, operations in ask("/openapi.json").json()["paths"].items():
    if "get" in operations and "{" not in path and path != "/openapi.json":
        learn_from(ask(path, headers=session))


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers.update(session)
    if CHANCE.random() < 0.5:
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"{os.getpid()}-{next(NUMBERS)}"
        case.path_parameters = about_known(case.path_parameters)
        case.query = about_known(case.query)
        case.body = about_known(case.body)


@schemathesis.hook
def after_call(context, case, response):
    global session
    content_type = "".join(response.headers.get("content-type", []))
    if response.status_code == 200 and content_type.startswith("application/json"):
        learn(response.json())
    if session and response.status_code == 401 and ask("/api/v1/auth/me", headers=session).status_code == 401:
        session = new_session()
