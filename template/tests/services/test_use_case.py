import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from httpx2 import AsyncClient
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies import project, services
from app.core.events import Event
from app.core.exceptions import AppError, Conflict
from app.models.users import User
from app.services.use_case import ATTEMPTS, sqlstate, use_case
from tests.fixtures import registration
from tests.fixtures.api import PASSWORD, Account, Api, SignIn
from tests.fixtures.carrier import OPENING
from tests.fixtures.database import Database


class Verdict(Conflict):
    commits = True


class Ledger:
    """A service of the tests, whose writes are users."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.attempts = 0

    @use_case
    async def add(self, *names: str, error: BaseException | None = None) -> int:
        for name in names:
            self.session.add(User(email=name, email_key=name))
        await self.session.flush()
        if error:
            raise error
        return len(names)

    @use_case
    async def add_twice(self, first: str, second: str, error: BaseException | None = None) -> int:
        return await self.add(first) + await self.add(second, error=error)

    @use_case
    async def add_despite(self, first: str, second: str) -> None:
        await self.add(first)
        with pytest.raises(Conflict):
            await self.add(second, error=Conflict())

    @use_case
    async def rename(self, first: str, second: str, both_locked: asyncio.Barrier | None) -> None:
        self.attempts += 1
        await self._touch(first)
        if both_locked and self.attempts == 1:
            await both_locked.wait()
        await self._touch(second)

    @use_case
    async def fail(self, state: str, times: int) -> str:
        self.attempts += 1
        if self.attempts <= times:
            raising = f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"
            await self.session.execute(text(raising))
        return "done"

    async def _touch(self, name: str) -> None:
        statement = update(User).where(User.email == name).values(full_name=User.email + "!")
        await self.session.execute(statement)


@pytest.fixture
async def session(api: Api) -> AsyncIterator[AsyncSession]:
    async with api.resources.sessions() as session:
        yield session


async def emails(database: Database) -> list[str]:
    return [email for (email,) in await database.fetch("SELECT email FROM users ORDER BY 1")]


async def test_a_use_case_commits_once(
    session: AsyncSession, database: Database, statements: list[str]
) -> None:
    assert await Ledger(session).add("a", "b") == 2
    assert await emails(database) == ["a", "b"]
    assert statements.count("COMMIT") == 1


async def test_a_use_case_within_another_joins_its_transaction(
    session: AsyncSession, database: Database, statements: list[str]
) -> None:
    assert await Ledger(session).add_twice("a", "b") == 2
    assert await emails(database) == ["a", "b"]
    assert statements.count("COMMIT") == 1


async def test_an_error_within_undoes_all_of_it(session: AsyncSession, database: Database) -> None:
    for error in (Conflict(), ValueError("unforeseen"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            await Ledger(session).add_twice("a", "b", error=error)
        assert await emails(database) == []
    await Ledger(session).add("c")
    assert await emails(database) == ["c"]


async def test_a_verdict_commits_what_led_to_it(session: AsyncSession, database: Database) -> None:
    with pytest.raises(Verdict):
        await Ledger(session).add("a", error=Verdict())
    assert await emails(database) == ["a"]
    with pytest.raises(AppError):
        await Ledger(session).add("b", error=Conflict())
    assert await emails(database) == ["a"]


async def test_an_outer_use_case_decides_about_an_inner_error(
    session: AsyncSession, database: Database
) -> None:
    await Ledger(session).add_despite("a", "b")
    assert await emails(database) == ["a", "b"]


async def test_a_read_before_takes_no_part_in_the_transaction(
    session: AsyncSession, api: Api
) -> None:
    count = select(func.count()).select_from(User)
    assert await session.scalar(count) == 0
    async with api.resources.sessions() as other:
        await Ledger(other).add("a")
    assert await session.scalar(count) == 1
    await Ledger(session).add("b")
    assert await session.scalar(count) == 2


async def test_a_deadlock_runs_its_victim_again(api: Api, database: Database) -> None:
    async with api.resources.sessions() as first, api.resources.sessions() as second:
        one, two = Ledger(first), Ledger(second)
        await one.add("a", "b")
        barrier = asyncio.Barrier(2)
        await asyncio.gather(one.rename("a", "b", barrier), two.rename("b", "a", barrier))
    assert one.attempts + two.attempts == 3
    assert await database.fetch("SELECT DISTINCT full_name FROM users ORDER BY 1") == [
        ("a!",),
        ("b!",),
    ]


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_what_would_fail_for_ever_is_given_up(session: AsyncSession, state: str) -> None:
    assert await Ledger(session).fail(state, times=ATTEMPTS - 1) == "done"
    hopeless = Ledger(session)
    with pytest.raises(DBAPIError) as raised:
        await hopeless.fail(state, times=ATTEMPTS)
    assert sqlstate(raised.value) == state
    assert hopeless.attempts == ATTEMPTS


async def test_other_errors_are_not_tried_again(session: AsyncSession) -> None:
    ledger = Ledger(session)
    with pytest.raises(DBAPIError):
        await ledger.fail("22012", times=1)
    assert ledger.attempts == 1
    assert await ledger.fail("22012", times=1) == "done"


async def test_nothing_is_written_outside_a_use_case(
    session: AsyncSession, database: Database
) -> None:
    values = {"email": "b", "email_key": "b"}
    for write in (insert(User).values(values), update(User).values(values), delete(User)):
        with pytest.raises(RuntimeError, match="@use_case"):
            await session.execute(write)
    with pytest.raises(RuntimeError, match="@use_case"):
        await session.execute(text("DELETE FROM users"))
    session.add(User(email="a"))
    with pytest.raises(RuntimeError, match="@use_case"):
        await session.commit()
    await session.rollback()
    assert await emails(database) == []


async def test_listeners_hear_what_happens_to_an_account(
    client: AsyncClient, sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, int]] = []

    async def listen(session: AsyncSession, event: Event) -> None:
        # Within the transaction that did it, and before its commit.
        users = await session.scalar(select(func.count()).select_from(User))
        heard.append((type(event).__name__, (users or 0) - await database.count("users")))

    monkeypatch.setattr(services, "AUTH_LISTENERS", (listen,))
    account = Account("ada@example.com")
    body = {"email": account.email, "password": account.password}
    await client.post("/api/v1/auth/register", json=body)
    await database.execute("UPDATE users SET email_verified_at = now()")
    await client.post("/api/v1/auth/login", json={**account.credentials, "password": "wrong"})
    device = await sign_in(account)
    await device.post("/api/v1/auth/logout")
    assert heard == [
        ("UserRegistered", 1),
        ("LoginFailed", 0),
        ("LoginSucceeded", 0),
        ("LoggedOut", 0),
    ]


async def test_what_a_listener_or_a_step_refuses_has_not_happened(
    client: AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: AsyncSession, __: object) -> None:
        raise Conflict("not today")

    account = Account("ada@example.com")
    body = {"email": account.email, "password": account.password}
    with monkeypatch.context() as patch:
        patch.setattr(services, "AUTH_LISTENERS", (refuse,))
        refused = await client.post("/api/v1/auth/register", json=body)
        assert (refused.status_code, refused.json()["detail"]) == (409, "not today")
        assert await database.count("users") == 0
    registered = await client.post("/api/v1/auth/register", json=body)
    assert registered.status_code == registration.REGISTERED
    await database.execute("UPDATE users SET email_verified_at = now()")
    with monkeypatch.context() as patch:
        patch.setattr(project, "LOGIN_STEPS", (refuse,))
        refused = await client.post("/api/v1/auth/login", json=account.credentials)
        assert refused.status_code == 409
        assert await database.count("auth_sessions") == 0
    login = await client.post("/api/v1/auth/login", json=account.credentials)
    assert login.status_code == 200


def verbs(statements: list[str]) -> list[str]:
    seen = [statement.split()[0] for statement in statements]
    statements.clear()
    return seen


async def test_each_request_costs_no_more_statements_than_it_needs(
    client: AsyncClient,
    user: Account,
    admin: Account,
    sign_in: SignIn,
    statements: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "AUTH_LISTENERS", ())
    account, root = await sign_in(user), await sign_in(admin)
    identity = ["SELECT"]
    verbs(statements)
    await account.get("/api/v1/users/me")
    assert verbs(statements) == identity
    await root.get("/api/v1/users")
    assert verbs(statements) == [*identity, "SELECT"]
    await root.get("/api/v1/users", params={"page": 99, "role": "admin"})
    assert verbs(statements) == [*identity, "SELECT"]
    await account.patch("/api/v1/users/me", json={"full_name": "Ada"})
    assert verbs(statements) == [*identity, "SELECT", "UPDATE", "COMMIT"]
    await client.post("/api/v1/auth/register", json=registration.BODY)
    assert verbs(statements) == ["INSERT", "COMMIT"]
    await client.post("/api/v1/auth/login", json=user.credentials)
    proof, device, cap = ["SELECT", "INSERT", "SELECT"], ["DELETE", "INSERT", "DELETE"], ["UPDATE"]
    opening = [*registration.LETTING_IN, *device, *cap, "INSERT", *OPENING]
    assert verbs(statements) == [*proof, *opening, "COMMIT"]
    await account.post("/api/v1/auth/logout")
    assert verbs(statements) == [*identity, "UPDATE", "COMMIT"]


def locked_tables(statements: list[str]) -> list[str]:
    """The tables of what signs in, in the order in which rows of them were locked."""
    writes = [s for s in statements if not s.startswith("SELECT") or s.endswith("FOR UPDATE")]
    tables = [re.search(r"(?:FROM|INTO|UPDATE) (\w+)", write) for write in writes]
    statements.clear()
    names = dict.fromkeys(table[1] for table in tables if table)
    return [name for name in names if name in {"login_attempts", "users", "account_tokens"}]


async def test_what_signs_in_and_what_changes_a_password_lock_in_one_order(
    client: AsyncClient, user: Account, user_client: AsyncClient, api: Api, statements: list[str]
) -> None:
    change = {"current_password": PASSWORD, "new_password": PASSWORD}
    statements.clear()
    await client.post("/api/v1/auth/login", json=user.credentials)
    assert locked_tables(statements) == ["login_attempts", "users"]
    await user_client.post("/api/v1/users/me/change-password", json=change)
    assert locked_tables(statements) == ["login_attempts", "users", "account_tokens"]
    async with api.resources.sessions() as session:
        credentials = await services.credential_service(session, api.resources)
        token = await credentials.make_reset_token(user.email)
    statements.clear()
    body = {"token": token, "password": PASSWORD}
    assert (await client.post("/api/v1/auth/reset-password", json=body)).status_code == 204
    assert locked_tables(statements) == ["login_attempts", "users", "account_tokens"]
