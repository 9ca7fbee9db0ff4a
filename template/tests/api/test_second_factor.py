"""Signing in with a second factor: nothing less than both signs anybody in."""

from httpx2 import AsyncClient

from app.core.config.app import CHALLENGE
from app.core.events import AccountLocked, Event, LoginSucceeded
from tests.fixtures import carrier
from tests.fixtures.api import (
    Account,
    Api,
    Routes,
    assert_problem,
    open_account,
    seen,
)
from tests.fixtures.contract import PUBLIC
from tests.fixtures.database import Database
from tests.fixtures.second_factor import (
    VERIFY,
    Factor,
    assert_refused,
    challenge,
    enrol,
    verify,
    wait,
)

ME = "/api/v1/users/me"
FIXED = {"X-Request-ID": "fixed-request-id"}
LOCK = "UPDATE login_attempts SET locked_until = now() + $1 * interval '1 hour' WHERE failures > 0"


async def test_the_password_alone_signs_nobody_in(
    client: AsyncClient, user: Account, factor: Factor, database: Database, events: list[Event]
) -> None:
    sessions = await database.count("auth_sessions")
    events.clear()
    response = await carrier.try_to_sign_in(client, **user.credentials)
    problem = assert_problem(response, 401, "mfa_required")
    assert response.headers["www-authenticate"] == CHALLENGE
    assert "set-cookie" not in response.headers
    assert problem["expires_in"] == 300
    assert len(problem["challenge"]) == 43
    assert "_token" not in response.text
    assert await database.count("auth_sessions") == sessions
    assert events == []
    for name in (user.email, "nobody"):
        refused = await carrier.try_to_sign_in(client, username=name, password="a wrong one")
        assert_problem(refused, 401, "invalid_credentials")


async def test_the_document_tells_what_comes_with_the_demand_for_a_code(routes: Routes) -> None:
    paths = ("/api/v1/auth/login", VERIFY)
    answers = [routes[f"POST {path}"]["responses"]["401"] for path in paths]
    schemas = [answer["content"]["application/problem+json"]["schema"] for answer in answers]
    asking, ending = (schema["allOf"][1]["properties"] for schema in schemas)
    assert asking.keys() - ending.keys() == {"challenge", "expires_in"}


async def test_both_sign_in_as_a_password_does_elsewhere(
    client: AsyncClient, user: Account, admin: Account, factor: Factor, events: list[Event]
) -> None:
    begun = await challenge(client, user)
    events.clear()
    given = carrier.given(await verify(client, begun, factor.code()))
    assert given.keys() == (await carrier.log_in(client, admin)).keys()
    [event, _] = events
    assert isinstance(event, LoginSucceeded)
    assert not event.known_device


async def test_who_signs_in_with_both_is_signed_in(api: Api, user: Account, factor: Factor) -> None:
    async with api.client() as device:
        body = {"challenge": await challenge(device, user), "code": factor.code()}
        await carrier.enter(device, VERIFY, body)
        assert (await device.get(ME)).json()["email"] == user.email
        assert (await device.post("/api/v1/auth/logout")).status_code == 204
        assert (await device.get(ME)).status_code == 401


async def test_a_device_is_known_again(
    client: AsyncClient, user: Account, factor: Factor, database: Database, events: list[Event]
) -> None:
    begun = await challenge(client, user)
    device = carrier.given(await verify(client, begun, factor.code()))["device_token"]
    await wait(database)
    begun = await challenge(client, user, device=device)
    events.clear()
    given = carrier.given(await verify(client, begun, factor.next_code, device=device))
    assert given["device_token"] == device
    assert [event.known_device for event in events if isinstance(event, LoginSucceeded)] == [True]


async def test_a_code_signs_in_once(client: AsyncClient, user: Account, factor: Factor) -> None:
    code = factor.code()
    first, second, third = [await challenge(client, user) for _ in range(3)]
    carrier.given(await verify(client, first, code))
    assert_refused(await verify(client, first, factor.next_code))
    assert_refused(await verify(client, second, code))
    carrier.given(await verify(client, second, factor.next_code))
    assert_refused(await verify(client, third, code))


async def test_a_recovery_code_signs_in_once_however_it_is_typed(
    client: AsyncClient, user: Account, factor: Factor, database: Database
) -> None:
    one, other = factor.recovery_codes[:2]
    carrier.given(await verify(client, await challenge(client, user), one))
    for typed in (one, one.upper(), one.replace("-", "")):
        assert_refused(await verify(client, await challenge(client, user), typed))
    typed = other.upper().replace("-", " ").replace("0", "O").replace("1", "I")
    carrier.given(await verify(client, await challenge(client, user), f" {typed} "))
    assert await database.count("mfa_recovery_codes") == 8


async def test_five_failures_end_a_challenge(
    client: AsyncClient, user: Account, factor: Factor, database: Database
) -> None:
    patient, spent = await challenge(client, user), await challenge(client, user)
    for begun, failures in ((patient, 4), (spent, 5)):
        for _ in range(failures):
            assert_refused(await verify(client, begun, factor.wrong_code))
            await database.execute(LOCK, -1)
    assert_refused(await verify(client, spent, factor.code()))
    carrier.given(await verify(client, patient, factor.code()))


async def test_who_signs_in_starts_the_count_anew(
    client: AsyncClient, user: Account, factor: Factor
) -> None:
    for code in (factor.code(), factor.next_code):
        begun = await challenge(client, user)
        for _ in range(4):
            assert_refused(await verify(client, begun, factor.wrong_code))
        carrier.given(await verify(client, begun, code))


async def test_new_challenges_bring_no_new_guesses(
    client: AsyncClient, user: Account, factor: Factor, database: Database, events: list[Event]
) -> None:
    first, second = await challenge(client, user), await challenge(client, user)
    events.clear()
    for begun in (first, first, first, second, second):
        assert_refused(await verify(client, begun, factor.wrong_code))
    names = [type(event).__name__ for event in events]
    assert names == [*["MfaFailed"] * 4, "AccountLocked", "MfaFailed"]
    assert [event.account for event in events if isinstance(event, AccountLocked)] == [user.email]
    await database.execute(LOCK, 1)
    assert_refused(await verify(client, await challenge(client, user), factor.code()))
    assert_refused(await verify(client, second, factor.recovery_codes[0]))
    await database.execute(LOCK, -1)
    carrier.given(await verify(client, await challenge(client, user), factor.code()))


async def test_a_thief_of_the_password_does_not_lock_the_owner_out(
    client: AsyncClient, user: Account, factor: Factor, database: Database
) -> None:
    begun = await challenge(client, user)
    device = carrier.given(await verify(client, begun, factor.code()))["device_token"]
    for _ in range(2):
        begun = await challenge(client, user)
        for _ in range(5):
            await verify(client, begun, factor.wrong_code)
    await database.execute(LOCK, 1)
    strange, known = await challenge(client, user), await challenge(client, user, device=device)
    assert_refused(await verify(client, strange, factor.next_code))
    assert_refused(await verify(client, known, factor.next_code, device="x" * 43))
    carrier.given(await verify(client, known, factor.next_code, device=device))
    # The owner's success unlocks nobody else.
    assert_refused(await verify(client, strange, factor.recovery_codes[0]))


async def test_failures_on_a_known_device_count_there(
    client: AsyncClient, user: Account, factor: Factor, database: Database
) -> None:
    begun = await challenge(client, user)
    device = carrier.given(await verify(client, begun, factor.code()))["device_token"]
    begun = await challenge(client, user, device=device)
    for _ in range(5):
        assert_refused(await verify(client, begun, factor.wrong_code, device=device))
    await database.execute(LOCK, 1)
    begun = await challenge(client, user, device=device)
    assert_refused(await verify(client, begun, factor.next_code, device=device))
    carrier.given(await verify(client, begun, factor.next_code))


async def test_all_failures_look_alike(
    client: AsyncClient, user: Account, factor: Factor, database: Database
) -> None:
    expired, spent, other, last = [await challenge(client, user) for _ in range(4)]
    expire = "UPDATE mfa_challenges SET expires_at = now() WHERE created_at = (SELECT min("
    await database.execute(f"{expire}created_at) FROM mfa_challenges)")
    carrier.given(await verify(client, spent, factor.code()))
    tries = [
        (expired, factor.next_code),
        (spent, factor.next_code),
        ("unknown", factor.next_code),
        (other, factor.wrong_code),
        (other, "zzzzz-zzzzz-zzzzz"),
        (other, "not a code of any kind"),
        (last, factor.code()),
    ]
    answers = [await verify(client, *each, headers=FIXED) for each in tries]
    await database.execute(LOCK, 1)
    answers.append(await verify(client, last, factor.next_code, headers=FIXED))
    for answer in answers:
        assert_refused(answer)
    assert len(set(map(seen, answers))) == 1
    await database.execute(LOCK, -1)
    carrier.given(await verify(client, last, factor.next_code))


async def test_a_code_is_good_for_the_account_that_was_asked(
    api: Api, client: AsyncClient, user: Account, factor: Factor
) -> None:
    account = Account("grace@example.com")
    await open_account(api, account)
    async with api.client() as device:
        await carrier.sign_in(device, **account.credentials)
        other = await enrol(device)
    mine, theirs = await challenge(client, user), await challenge(client, account)
    for code in (factor.code(), factor.recovery_codes[0]):
        assert_refused(await verify(client, theirs, code))
    for code in (other.next_code, other.recovery_codes[0]):
        assert_refused(await verify(client, mine, code))
    carrier.given(await verify(client, theirs, other.recovery_codes[0]))
    carrier.given(await verify(client, mine, factor.code()))


async def test_half_a_sign_in_opens_nothing(
    api: Api, client: AsyncClient, user: Account, factor: Factor, routes: Routes, database: Database
) -> None:
    sessions = await database.count("auth_sessions")
    begun = await challenge(client, user)
    for name in routes:
        method, path = name.split()
        body = dict.fromkeys(carrier.BODIES.get(path, {"token": "", "code": ""}), begun)
        nothing: dict[str, str] = {}
        for headers in (nothing, carrier.carried(begun, api.resources)):
            async with api.client() as device:
                response = await device.request(method, path, json=body, headers=headers)
                assert not response.is_success or (method == "GET" and name in PUBLIC), name
                assert (await device.get(ME)).status_code == 401
    assert await database.count("auth_sessions") == sessions
    carrier.given(await verify(client, begun, factor.code()))
