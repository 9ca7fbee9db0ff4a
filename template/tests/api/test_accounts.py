"""What may be done to an account, by its owner and by those who manage users."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from dirty_equals import IsPartialDict
from httpx2 import AsyncClient, Response

from app.core.events import AccountDeleted, ActivationChanged, Event, RoleChanged
from app.core.security.permissions import ADMIN, MANAGE_USERS, ROLES
from tests.fixtures.api import Account, Api, SignIn, assert_problem, open_account
from tests.fixtures.carrier import ENDED, log_in
from tests.fixtures.database import Database

USERS = "/api/v1/users"
ME = f"{USERS}/me"
LOGIN = "/api/v1/auth/login"
SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"
SECOND = Account("second@example.com")

# The body of a PATCH, or another method.
Change = dict[str, Any] | str
DEMOTE: dict[str, Any] = {"role": "user"}
DEACTIVATE: dict[str, Any] = {"is_active": False}
ANYTHING: list[Change] = ["GET", "DELETE", {"full_name": "Eve"}, DEMOTE, DEACTIVATE]
GOING: list[Change] = ["DELETE", DEMOTE, DEACTIVATE]


async def id_of(client: AsyncClient) -> str:
    return str((await client.get(ME)).json()["id"])


async def act(client: AsyncClient, user_id: str, change: Change) -> Response:
    method = "PATCH" if isinstance(change, dict) else change
    body = change if isinstance(change, dict) else None
    return await client.request(method, f"{USERS}/{user_id}", json=body)


@pytest.fixture
async def user_id(user_client: AsyncClient) -> str:
    return await id_of(user_client)


@pytest.fixture
async def second_client(api: Api, sign_in: SignIn) -> AsyncClient:
    """Another admin."""
    await open_account(api, SECOND, role=ADMIN)
    return await sign_in(SECOND)


async def test_an_account_is_seen_by_its_owner_and_by_admins(
    user_client: AsyncClient, admin_client: AsyncClient, user_id: str
) -> None:
    own = await user_client.get(f"{USERS}/{user_id}")
    assert (own.status_code, own.json()) == (200, (await user_client.get(ME)).json())
    assert (await admin_client.get(f"{USERS}/{user_id}")).json() == own.json()


@pytest.mark.parametrize("change", ANYTHING, ids=str)
async def test_the_account_of_another_is_nowhere(
    user_client: AsyncClient, admin_client: AsyncClient, database: Database, change: Change
) -> None:
    before = await database.fetch("SELECT * FROM users ORDER BY id")
    for user_id in (await id_of(admin_client), SOME_ID):
        assert_problem(await act(user_client, user_id, change), 404, "not_found")
    assert await database.fetch("SELECT * FROM users ORDER BY id") == before


@pytest.mark.parametrize("change", ANYTHING, ids=str)
async def test_an_id_that_nobody_has(
    admin_client: AsyncClient, user_id: str, change: Change
) -> None:
    assert (await act(admin_client, user_id, change)).is_success
    await admin_client.delete(f"{USERS}/{user_id}")
    for unknown in (user_id, SOME_ID):
        assert_problem(await act(admin_client, unknown, change), 404, "not_found")
    for malformed in ("1", "x", f"{SOME_ID}0", "%00"):
        response = await act(admin_client, malformed, change)
        problem = assert_problem(response, 422, "validation_error")
        assert [error["pointer"] for error in problem["errors"]] == ["#/user_id"]


async def test_names_are_changed_by_the_owner_and_by_admins(
    user_client: AsyncClient, admin_client: AsyncClient, client: AsyncClient, user_id: str
) -> None:
    path = f"{USERS}/{user_id}"
    own = await user_client.patch(path, json={"full_name": "Ada Lovelace"})
    assert (own.status_code, own.json()["full_name"]) == (200, "Ada Lovelace")
    names = {"username": "countess", "full_name": None}
    changed = await admin_client.patch(path, json=names)
    assert changed.json() == IsPartialDict(id=user_id, role="user", is_active=True, **names)
    assert (await user_client.get(ME)).json() == changed.json()
    await log_in(client, Account("countess"))
    taken = await admin_client.patch(ME, json={"username": "COUNTESS"})
    assert_problem(taken, 409, "username_taken")
    taken = await act(admin_client, await id_of(admin_client), {"username": "countess"})
    assert_problem(taken, 409, "username_taken")


@pytest.mark.parametrize("change", [DEMOTE, {"role": "admin"}, DEACTIVATE, {"is_active": True}])
async def test_rights_are_given_by_who_manages_users(
    user_client: AsyncClient, admin_client: AsyncClient, user_id: str, change: dict[str, Any]
) -> None:
    before = (await user_client.get(ME)).json()
    assert_problem(await act(user_client, user_id, change), 403, "forbidden")
    assert (await user_client.get(ME)).json() == before
    assert (await act(admin_client, user_id, change)).json() == IsPartialDict(change)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"role": "emperor"}, "#/role"),
        ({"role": "ADMIN"}, "#/role"),
        ({"role": None}, "#/role"),
        ({"role": ["admin"]}, "#/role"),
        ({"is_active": None}, "#/is_active"),
        ({"is_active": "perhaps"}, "#/is_active"),
        ({"email": "eve@example.com"}, "#/email"),
        ({"deleted_at": None}, "#/deleted_at"),
        ({"username": "a/b", "role": "admin"}, "#/username"),
    ],
    ids=str,
)
async def test_a_change_that_is_not_understood_is_refused(
    admin_client: AsyncClient, user_id: str, change: dict[str, Any], pointer: str
) -> None:
    before = (await act(admin_client, user_id, "GET")).json()
    response = await act(admin_client, user_id, {"full_name": "Eve"} | change)
    problem = assert_problem(response, 422, "validation_error")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert (await act(admin_client, user_id, "GET")).json() == before


async def test_a_role_acts_at_once_and_is_told(
    admin_client: AsyncClient, user: Account, user_id: str, sign_in: SignIn, events: list[Event]
) -> None:
    actor = UUID(await id_of(admin_client))
    former = "user"
    for role, status in {"admin": 200, "user": 403}.items():
        for _ in range(2):  # the second time nothing changes
            change = {"role": role, "is_active": True}
            assert (await act(admin_client, user_id, change)).json() == IsPartialDict(change)
        assert (await (await sign_in(user)).get(USERS)).status_code == status
        changes = [event for event in events if isinstance(event, RoleChanged)]
        assert changes == [RoleChanged(UUID(user_id), actor, former=former, role=role)]
        former = role
        events.clear()


async def test_deactivation_ends_all_sessions_for_good(
    client: AsyncClient,
    admin_client: AsyncClient,
    user: Account,
    user_id: str,
    sign_in: SignIn,
    events: list[Event],
) -> None:
    devices = [await sign_in(user) for _ in range(2)]
    actor = UUID(await id_of(admin_client))
    for is_active in (False, True):
        response = await act(admin_client, user_id, {"is_active": is_active})
        assert response.json()["is_active"] is is_active
        for device in devices:
            assert_problem(await device.get(ME), 401, ENDED)
        login = await client.post(LOGIN, json=user.credentials)
        assert login.status_code == (200 if is_active else 401)
    changes = [event for event in events if isinstance(event, ActivationChanged)]
    assert changes == [ActivationChanged(UUID(user_id), actor, flag) for flag in (False, True)]


@pytest.mark.parametrize("closing", ["by its owner", "by its owner's id", "by an admin"])
async def test_a_closed_account_leaves_a_row_and_frees_its_names(
    api: Api,
    client: AsyncClient,
    user_client: AsyncClient,
    admin_client: AsyncClient,
    user: Account,
    database: Database,
    events: list[Event],
    closing: str,
) -> None:
    user_id = await id_of(user_client)
    actor = admin_client if closing == "by an admin" else user_client
    path = ME if closing == "by its owner" else f"{USERS}/{user_id}"
    gone = AccountDeleted(UUID(user_id), UUID(await id_of(actor)))
    response = await actor.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert events == [gone]
    assert_problem(await user_client.get(ME), 401, ENDED)
    for name in (user.email, user.username):
        login = await client.post(LOGIN, json={"username": name, "password": user.password})
        assert_problem(login, 401, "invalid_credentials")
    assert_problem(await admin_client.get(f"{USERS}/{user_id}"), 404, "not_found")
    await open_account(api, user)
    await log_in(client, user)
    [listed] = (await admin_client.get(USERS, params={"role": "user"})).json()["items"]
    assert listed == IsPartialDict(email=user.email, username=user.username)
    assert listed["id"] != user_id
    row = "email_key, username_key, hashed_password, deleted_at IS NULL"
    kept = await database.fetch(f"SELECT {row} FROM users WHERE id = $1", UUID(user_id))
    assert kept == [(None, None, None, False)]


@pytest.mark.parametrize("change", GOING, ids=str)
async def test_the_last_admin_stays(
    admin_client: AsyncClient,
    second_client: AsyncClient,
    sign_in: SignIn,
    database: Database,
    change: Change,
) -> None:
    admin_id, second_id = await id_of(admin_client), await id_of(second_client)
    # An admin who is deactivated is none that could take over.
    for gone in ("is_active = false", "is_active = true, role = 'user'"):
        await database.execute(f"UPDATE users SET {gone} WHERE email = $1", SECOND.email)
        assert_problem(await act(admin_client, admin_id, change), 409, "last_admin")
        assert_problem(await admin_client.delete(ME), 409, "last_admin")
    names = {"full_name": "Still here"}
    assert (await act(admin_client, admin_id, {"role": "admin", **names})).status_code == 200
    assert (await act(admin_client, second_id, {"role": "admin"})).status_code == 200
    assert (await act(admin_client, admin_id, change)).is_success
    second_client = await sign_in(SECOND)
    assert_problem(await act(second_client, second_id, change), 409, "last_admin")
    assert (await second_client.get(USERS)).status_code == 200


async def test_a_role_of_the_project_that_manages_users_counts_as_an_admin(
    admin: Account,
    admin_client: AsyncClient,
    second_client: AsyncClient,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ROLES, "support", frozenset({MANAGE_USERS}))
    monkeypatch.setitem(ROLES, "reader", frozenset())
    admin_id, second_id = await id_of(admin_client), await id_of(second_client)
    assert (await act(admin_client, second_id, {"role": "support"})).status_code == 200
    second_client = await sign_in(SECOND)
    assert (await act(second_client, admin_id, {"role": "reader"})).status_code == 200
    assert_problem(await (await sign_in(admin)).get(USERS), 403, "forbidden")
    assert (await second_client.get(USERS)).status_code == 200
    for change in ({"role": "reader"}, *GOING):
        assert_problem(await act(second_client, second_id, change), 409, "last_admin")
    assert (await act(second_client, admin_id, {"role": "support"})).status_code == 200
    assert (await act(second_client, second_id, {"role": "reader"})).status_code == 200


async def restore(database: Database, *, keep: str) -> None:
    """Undo what ended accounts or their sessions."""
    await database.execute(f"UPDATE users SET is_active = true, deleted_at = NULL, {keep}")
    await database.execute("UPDATE auth_sessions SET revoked_at = NULL")


@pytest.mark.parametrize("change", GOING, ids=str)
async def test_two_admins_who_go_at_once_never_leave_nobody(
    admin_client: AsyncClient, second_client: AsyncClient, database: Database, change: Change
) -> None:
    admin_id, second_id = await id_of(admin_client), await id_of(second_client)
    refused = 0
    for victims in [(second_id, admin_id), (admin_id, second_id)] * 10:
        await restore(database, keep="role = 'admin', email_key = email")
        responses = await asyncio.gather(
            act(admin_client, victims[0], change), act(second_client, victims[1], change)
        )
        managers = "role = 'admin' AND is_active AND deleted_at IS NULL"
        assert await database.count(f"users WHERE {managers}") == 1
        assert sum(response.is_success for response in responses) == 1
        refused += sum(response.status_code == 409 for response in responses)
    assert refused  # else they never met


async def test_who_changes_an_account_as_it_ends_gives_it_no_name_back(
    user_client: AsyncClient,
    admin_client: AsyncClient,
    user_id: str,
    database: Database,
    events: list[Event],
) -> None:
    requests: list[Change] = ["DELETE", {"username": "kept"}, "DELETE"]
    for client in [user_client, admin_client] * 10:
        events.clear()
        await restore(database, keep="username_key = NULL")
        responses = await asyncio.gather(*(act(client, user_id, change) for change in requests))
        assert [response.is_success for response in responses[::2]].count(True) == 1
        assert len(events) == 1
        assert await database.count("users WHERE username_key = 'kept'") == 0
