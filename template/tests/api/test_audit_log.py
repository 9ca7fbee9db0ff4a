import json
from typing import Any
from uuid import UUID

import pytest
from dirty_equals import IsUUID
from httpx2 import AsyncClient

from app.core import events
from app.core.events import Event
from app.core.security.permissions import ROLES
from app.services.audit_log import action_of
from tests.fixtures import carrier
from tests.fixtures.api import PASSWORD, Account, Routes, SignIn, assert_problem, codes_of
from tests.fixtures.causes import (
    ADDRESS,
    AGENT,
    CAUSES,
    NEW,
    REQUEST,
    TOLD,
    WRONG,
    Cast,
    people,
)
from tests.fixtures.contract import GENERAL
from tests.fixtures.database import Database

LOGS = "/api/v1/audit-logs"
REGISTER = "/api/v1/auth/register"


async def get(client: AsyncClient, **params: Any) -> dict[str, Any]:
    response = await client.get(LOGS, params=params)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def ids(client: AsyncClient, **params: Any) -> list[str]:
    return [row["id"] for row in (await get(client, **params))["items"]]


async def add(
    database: Database,
    count: int,
    *,
    hours: int = 0,
    action: str = "made_up",
    by: UUID | None = None,
) -> list[str]:
    """Write rows of one moment, so many hours ago; return their ids as pages have them."""
    found = await database.fetch(
        "INSERT INTO audit_logs (id, created_at, action, actor_id, target_id, details)"
        " SELECT gen_random_uuid(), date_trunc('hour', now()) - $1 * interval '1 hour', $2, $3, $3,"
        " '{}' FROM generate_series(1, $4) RETURNING id",
        hours,
        action,
        by,
        count,
    )
    return sorted((str(row_id) for (row_id,) in found), reverse=True)


@pytest.mark.parametrize("kind", CAUSES, ids=action_of)
async def test_an_event_has_one_row_that_says_who_did_it_to_whom_and_from_where(
    kind: type[Event], cast: Cast, database: Database
) -> None:
    known = await people(database)
    before = [row_id for (row_id,) in await database.fetch("SELECT id FROM audit_logs")]
    await CAUSES[kind](cast)
    [(actor_id, target_id, details, *origin)] = await database.fetch(
        "SELECT actor_id, target_id, details, ip_address, user_agent, request_id"
        " FROM audit_logs WHERE action = $1 AND id <> ALL($2)",
        action_of(kind),
        before,
    )
    known = await people(database) | known
    actor, target, kept = TOLD[kind]
    assert [actor_id, target_id] == [name and known[name] for name in (actor, target)]
    assert origin == [ADDRESS, AGENT, REQUEST]
    assert json.loads(details) == kept


async def test_every_failure_of_a_sign_in_has_a_row_also_while_locked(
    client: AsyncClient, user: Account, database: Database
) -> None:
    for name in (user.email, "nobody"):
        for _ in range(7):
            await carrier.try_to_sign_in(client, username=name, password=WRONG)
        await database.execute("UPDATE login_attempts SET locked_until = now() + interval '1 hour'")
        await carrier.try_to_sign_in(client, username=name, password=user.password)
    [(user_id,)] = await database.fetch("SELECT id FROM users")
    failures = "SELECT target_id, count(*) FROM audit_logs WHERE action = 'login_failed' GROUP BY 1"
    assert dict(await database.fetch(failures)) == {user_id: 8, None: 8}


async def test_no_row_holds_a_password_a_token_or_what_was_typed_as_a_name(
    cast: Cast, database: Database
) -> None:
    typed = "my password in the wrong field"
    await carrier.try_to_sign_in(cast.stranger, username=typed, password=WRONG)
    given = await carrier.log_in(cast.stranger, cast.account)
    told = (events.UserRegistered, events.LoginFailed, events.PasswordChanged, events.PasswordReset)
    for kind in told:
        await CAUSES[kind](cast)
    held = str(await database.fetch("SELECT row_to_json(a)::text FROM audit_logs a"))
    tokens = [value for name, value in given.items() if name.endswith("_token")]
    assert len(tokens) > 1
    for secret in (typed, WRONG, PASSWORD, NEW, *tokens):
        assert secret not in held
    assert AGENT in held


async def test_an_event_whose_row_is_refused_has_not_happened(
    cast: Cast, database: Database
) -> None:
    await database.execute("ALTER TABLE audit_logs ADD CONSTRAINT none CHECK (false) NOT VALID")
    body = {"email": "grace@example.com", "password": PASSWORD}
    try:
        refused = [await cast.stranger.post(REGISTER, json=body)]
        refused.append(await cast.ada.post("/api/v1/auth/logout"))
        refused.append(await carrier.try_to_sign_in(cast.stranger, **cast.account.credentials))
    finally:
        await database.execute("ALTER TABLE audit_logs DROP CONSTRAINT none")
    for response in refused:
        assert_problem(response, 500, "internal_error")
    assert await database.count("users") == 2
    assert await database.count("auth_sessions WHERE revoked_at IS NULL") == 2
    assert (await cast.stranger.post(REGISTER, json=body)).is_success
    assert (await cast.ada.post("/api/v1/auth/logout")).is_success
    assert await database.count("users") == 3
    assert await database.count("auth_sessions WHERE revoked_at IS NULL") == 1


async def test_only_who_may_read_the_log_reads_it(
    client: AsyncClient,
    user_client: AsyncClient,
    admin_client: AsyncClient,
    routes: Routes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for path in (LOGS, f"{LOGS}/", f"{LOGS}?cursor="):
        assert_problem(await client.get(path), 401, "not_authenticated")
        assert_problem(await user_client.get(path), 403, "forbidden")
        assert (await admin_client.get(path)).status_code == 200
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await admin_client.request(method, LOGS)).status_code == 405
    monkeypatch.setitem(ROLES, "user", ROLES["user"] | {"audit_log:read"})
    assert (await user_client.get(LOGS)).status_code == 200
    assert_problem(await user_client.get("/api/v1/users"), 403, "forbidden")
    assert codes_of(routes[f"GET {LOGS}"]) == {"forbidden", *GENERAL, *carrier.SIGNED_IN}


async def test_a_row_is_shown_whole(cast: Cast) -> None:
    assert (await cast.ada.post("/api/v1/auth/logout-all")).is_success
    [row] = (await get(cast.root, action="sessions_revoked"))["items"]
    assert row == {
        "id": IsUUID,
        "created_at": row["created_at"],
        "action": "sessions_revoked",
        "actor_id": str(cast.ada_id),
        "target_id": str(cast.ada_id),
        "ip_address": ADDRESS,
        "user_agent": AGENT,
        "request_id": REQUEST,
        "details": {},
    }


async def test_filters(admin_client: AsyncClient, database: Database) -> None:
    ada, grace = UUID(int=1), UUID(int=2)
    [old] = await add(database, 1, hours=30, action="one", by=ada)
    [middle] = await add(database, 1, hours=20, action="two", by=grace)
    [new] = await add(database, 1, hours=10, action="two", by=ada)
    moments = {row["id"]: row["created_at"] for row in (await get(admin_client))["items"]}
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"action": "two"}, [new, middle]),
        ({"action": "one,two"}, [new, middle, old]),
        ({"action": ["one", "nothing"]}, [old]),
        ({"actor_id": str(ada)}, [new, old]),
        ({"target_id": str(grace)}, [middle]),
        ({"actor_id": str(ada), "target_id": str(grace)}, []),
        ({"action": "one,two", "since": moments[middle]}, [new, middle]),
        ({"until": moments[middle]}, [old]),
        ({"since": moments[old], "until": moments[new]}, [middle, old]),
    ]
    for params, found in cases:
        assert await ids(admin_client, **params) == found, params
        assert await ids(admin_client, **params, cursor="") == found, params


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "x"},
        {"cursor": "!" * 32},
        {"cursor": "A" * 30 + "=="},
        {"cursor": "_" * 32},
        {"cursor": "\x00"},
        {"cursor": "A" * 65},
        {"cursor": "", "page": "1"},
        {"since": "2026-01-31T00:00:00"},
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59-14:00"},
        {"action": "Login Failed"},
        {"action": "\x00"},
        {"actor_id": "ada"},
        {"sort": "action"},
        {"page_size": "101"},
    ],
    ids=str,
)
async def test_a_query_that_is_not_understood_is_refused(
    admin_client: AsyncClient, params: dict[str, str]
) -> None:
    response = await admin_client.get(LOGS, params=params)
    assert_problem(response, 422, "validation_error")
    assert (await admin_client.get(LOGS, params={"cursor": "A" * 32})).status_code == 200


async def test_pages_by_number_have_a_total(admin_client: AsyncClient, database: Database) -> None:
    made = await add(database, 5, hours=1)
    page = await get(admin_client, action="made_up", page=2, page_size=2)
    assert [row["id"] for row in page.pop("items")] == made[2:4]
    assert page == {"total": 5, "page": 2, "page_size": 2, "pages": 3}


async def test_pages_by_cursor_lose_and_repeat_nothing_while_rows_come(
    admin_client: AsyncClient, database: Database, statements: list[str]
) -> None:
    # Of one moment each, so that only the id tells their places apart.
    made = [row for hours in (1, 2, 3) for row in await add(database, 3, hours=hours)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        statements.clear()
        page = await get(admin_client, action="made_up", page_size=2, cursor=cursor)
        assert not any("count(" in statement for statement in statements)
        assert set(page) == {"items", "page_size", "next_cursor"}
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
        await add(database, 2)
    assert seen == made
    assert len(await ids(admin_client, action="made_up", page_size=100)) == 9 + 2 * 5


async def test_the_last_page_by_cursor_may_be_full(
    admin_client: AsyncClient, database: Database
) -> None:
    await add(database, 4)
    page = await get(admin_client, action="made_up", page_size=2, cursor="")
    last = await get(admin_client, action="made_up", page_size=2, cursor=page["next_cursor"])
    assert (len(last["items"]), last["next_cursor"]) == (2, None)


async def test_what_happens_at_once_has_a_row_each(
    user: Account, sign_in: SignIn, admin_client: AsyncClient
) -> None:
    before = (await get(admin_client, action="login_succeeded"))["total"]
    for _ in range(3):
        await sign_in(user)
    assert (await get(admin_client, action="login_succeeded"))["total"] == before + 3
