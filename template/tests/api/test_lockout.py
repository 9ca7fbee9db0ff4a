import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from httpx2 import AsyncClient, Response

from app.api.dependencies import services
from app.core.events import (
    AccountLocked,
    AccountUnlocked,
    Event,
    LoginFailed,
    PasswordChanged,
    PasswordReset,
)
from app.services.cleanup import CleanupService
from tests.fixtures.api import Account, Api, SignIn, assert_problem, load, running, seen
from tests.fixtures.carrier import log_in, try_to_sign_in
from tests.fixtures.database import Database

WRONG = "a wrong password, but a long one"
NEW = "several quite different words"
FIXED_ID = {"X-Request-ID": "fixed-request-id"}
THRESHOLD = 3
# Waits that no slow run of a test outlasts.
WAITS = {"LOCKOUT_BASE_DELAY": "600", "LOCKOUT_MAX_DELAY": "3000"}


@pytest.fixture(scope="module")
async def strict_api(environment: dict[str, str]) -> AsyncIterator[Api]:
    settings = load(environment | WAITS | {"LOCKOUT_THRESHOLD": str(THRESHOLD)})
    async with running(settings) as api:
        yield api


@pytest.fixture
def api(strict_api: Api, database: Database) -> Api:
    return strict_api


async def fail(
    client: AsyncClient, name: str, password: str = WRONG, *, device: str | None = None
) -> Response:
    """Try to sign in, in vain."""
    response = await try_to_sign_in(
        client, username=name, password=password, device=device, headers=FIXED_ID
    )
    assert_problem(response, 401, "invalid_credentials")
    return response


async def lock(client: AsyncClient, name: str, *, device: str | None = None) -> None:
    for _ in range(THRESHOLD):
        await fail(client, name, device=device)


async def wait_out(database: Database) -> None:
    """Let the time pass until everything is unlocked."""
    await database.execute("UPDATE login_attempts SET locked_until = locked_until - interval '1h'")


async def strangers(database: Database) -> list[tuple[int, int | None]]:
    """The failures of unknown devices, and for how many seconds the last one locked."""
    return await database.fetch(
        "SELECT failures, extract(epoch FROM locked_until - last_attempt_at)::int"
        " FROM login_attempts WHERE device = '' ORDER BY id"
    )


async def test_from_the_threshold_on_each_failure_doubles_the_wait(
    client: AsyncClient, user: Account, database: Database
) -> None:
    for failures, seconds in enumerate([None, None, 600, 1200, 2400, 3000, 3000], 1):
        await fail(client, user.email)
        assert await strangers(database) == [(failures, seconds)]
        await wait_out(database)
    await log_in(client, user)


async def test_by_default_the_fifth_failure_locks_for_a_second(
    worker_api: Api, user: Account, database: Database
) -> None:
    async with worker_api.client() as client:
        for seconds in [None, None, None, None, 1, 2]:
            await fail(client, user.email)
            assert (await strangers(database))[0][1] == seconds
            await wait_out(database)
        await database.execute("UPDATE login_attempts SET failures = 1000000")
        await fail(client, user.email)
    assert await strangers(database) == [(1000001, 900)]


async def test_a_locked_account_opens_to_the_right_password_later(
    client: AsyncClient, user: Account, database: Database
) -> None:
    await lock(client, user.email)
    await fail(client, user.email, user.password)
    await wait_out(database)
    await log_in(client, user)


async def test_what_is_tried_while_locked_is_hashed_and_does_not_count(
    client: AsyncClient, user: Account, database: Database, verified: list[str]
) -> None:
    await lock(client, user.email)
    before = await database.fetch("SELECT * FROM login_attempts")
    for password in (WRONG, user.password):
        await fail(client, user.email, password)
    assert await database.fetch("SELECT * FROM login_attempts") == before
    assert verified == [*[WRONG] * THRESHOLD, WRONG, user.password]


async def test_the_answers_of_locked_accounts_are_alike_to_the_byte(
    client: AsyncClient, user: Account
) -> None:
    names = [user.email, "nobody@example.com"] * (THRESHOLD + 1)
    failures = [await fail(client, name) for name in names]
    failures.append(await fail(client, user.email, user.password))
    assert len(set(map(seen, failures))) == 1


async def test_only_failures_in_a_row_count(
    client: AsyncClient, user: Account, database: Database
) -> None:
    for _ in range(3):
        for _ in range(THRESHOLD - 1):
            await fail(client, user.email)
        await log_in(client, user)
        assert await strangers(database) == []


@pytest.mark.parametrize(("hours", "failures"), [(23, 3), (25, 1)])
async def test_failures_of_long_ago_are_forgotten(
    client: AsyncClient, user: Account, database: Database, hours: int, failures: int
) -> None:
    await asyncio.gather(fail(client, user.email), fail(client, user.email))
    before = "UPDATE login_attempts SET last_attempt_at = now() - $1::interval"
    await database.execute(before, timedelta(hours=hours))
    await fail(client, user.email)
    assert [count for count, _ in await strangers(database)] == [failures]


async def test_an_account_has_one_counter_whatever_it_is_called(
    client: AsyncClient, user: Account, admin: Account, database: Database
) -> None:
    for name in (user.email, "ada", "ADA@Example.com"):
        await fail(client, name)
    assert await strangers(database) == [(3, 600)]
    await fail(client, "Ada", user.password)
    await log_in(client, admin)


async def test_names_that_nobody_has_are_locked_like_any_other(
    client: AsyncClient, database: Database
) -> None:
    for name in ("nobody", "Nobody", "nobody", "NOBODY"):
        await fail(client, name)
    await fail(client, "another")
    assert await strangers(database) == [(3, 600), (1, None)]


async def test_strangers_do_not_lock_a_known_device_out(
    client: AsyncClient, user: Account, database: Database
) -> None:
    device = (await log_in(client, user))["device_token"]
    await lock(client, user.email)
    await fail(client, user.email, user.password)
    assert (await log_in(client, user, device=device))["device_token"] == device
    # Signing in on one device does not unlock the account for the others.
    await fail(client, user.email, user.password)
    assert await strangers(database) == [(3, 600)]


async def test_a_known_device_is_locked_apart(
    client: AsyncClient, user: Account, database: Database
) -> None:
    tokens = [(await log_in(client, user))["device_token"] for _ in range(2)]
    await lock(client, user.email, device=tokens[0])
    await fail(client, user.email, user.password, device=tokens[0])
    await log_in(client, user, device=tokens[1])
    await log_in(client, user)
    await wait_out(database)
    await log_in(client, user, device=tokens[0])
    await fail(client, user.email, device=tokens[0])
    await log_in(client, user, device=tokens[0])


@pytest.mark.parametrize("kind", ["made up", "empty", "another's", "of a session"])
async def test_other_strings_make_no_device_known(
    client: AsyncClient, user: Account, admin: Account, sign_in: SignIn, kind: str
) -> None:
    device, anothers = [(await log_in(client, who))["device_token"] for who in (user, admin)]
    signed_in = await sign_in(user)
    change = {"current_password": WRONG, "new_password": NEW}
    await signed_in.post("/api/v1/users/me/change-password", json=change)
    [session] = (await signed_in.get("/api/v1/auth/sessions?page_size=1")).json()["items"]
    session_key = f"session:{session['id']}"
    tokens = {"made up": device[::-1], "another's": anothers, "of a session": session_key}
    await lock(client, user.email)
    await fail(client, user.email, user.password, device=tokens.get(kind, ""))
    assert (await log_in(client, user, device=device))["device_token"] == device


async def test_a_device_is_known_for_half_a_year(
    client: AsyncClient, user: Account, api: Api, database: Database
) -> None:
    device = (await log_in(client, user))["device_token"]
    await lock(client, user.email)
    known = "UPDATE login_attempts SET last_attempt_at = now() - $1::interval WHERE device <> ''"
    for days in (179, 181):
        await log_in(client, user, device=device)
        await database.execute(known, timedelta(days=days))
        async with api.resources.sessions() as session:
            await CleanupService(session, api.resources.settings).purge()
    await fail(client, user.email, user.password, device=device)
    await wait_out(database)
    assert (await log_in(client, user, device=device))["device_token"] != device


async def test_the_devices_that_were_used_last_stay_known(
    client: AsyncClient, user: Account
) -> None:
    tokens = [(await log_in(client, user))["device_token"] for _ in range(20)]
    await log_in(client, user, device=tokens[0])
    await log_in(client, user)
    await lock(client, user.email)
    await fail(client, user.email, user.password, device=tokens[1])
    for known in (tokens[0], tokens[2], tokens[19]):
        await log_in(client, user, device=known)


async def test_a_burst_of_guesses_gets_no_more_of_them(
    client: AsyncClient, user: Account, database: Database, worker_database_url: str
) -> None:
    for _ in range(THRESHOLD - 1):
        await fail(client, user.email)
    waiting = (
        "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    guesses = []
    holder = await asyncpg.connect(worker_database_url)
    try:
        async with asyncio.timeout(20), holder.transaction():
            await holder.execute("SELECT FROM login_attempts FOR UPDATE")
            # The right one comes last, when all others are past their hashing.
            for password in [WRONG] * 5 + [user.password]:
                guesses.append(asyncio.create_task(fail(client, user.email, password)))
                while await database.fetch(waiting) != [(len(guesses),)]:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        await asyncio.gather(*guesses)
    finally:
        await holder.close()
    assert await strangers(database) == [(THRESHOLD, 600)]
    await wait_out(database)
    await log_in(client, user)


@pytest.mark.parametrize("way", ["set", "reset"])
async def test_a_new_password_unlocks_the_account(
    client: AsyncClient,
    user: Account,
    api: Api,
    database: Database,
    events: list[Event],
    way: str,
) -> None:
    device = (await log_in(client, user))["device_token"]
    await lock(client, user.email)
    await lock(client, user.email, device=device)
    await lock(client, "nobody")
    events.clear()
    async with api.resources.sessions() as session:
        credentials = await services.credential_service(session, api.resources)
        token = await credentials.make_reset_token(user.email)
        if way == "set":
            await credentials.set_password(user.email, NEW)
    if way == "reset":
        body = {"token": token, "password": NEW}
        assert (await client.post("/api/v1/auth/reset-password", json=body)).status_code == 204
    [(user_id,)] = await database.fetch("SELECT id FROM users")
    changed = PasswordChanged(user_id) if way == "set" else PasswordReset(user_id)
    assert events == [AccountUnlocked(user_id), changed]
    assert await strangers(database) == [(3, 600)]
    account = Account(user.email, password=NEW)
    assert (await log_in(client, account, device=device))["device_token"] != device
    await log_in(client, account)


async def test_listeners_hear_of_failures_and_of_locks(
    client: AsyncClient, user: Account, events: list[Event]
) -> None:
    events.clear()
    await lock(client, "Nobody")
    await fail(client, "nobody")
    failed = LoginFailed("nobody", None)
    assert events == [failed, failed, failed, AccountLocked("nobody", None), failed]
    assert "nobody" not in repr(events)
