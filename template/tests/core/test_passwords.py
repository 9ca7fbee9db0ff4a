"""Hashing, the move from one scheme to another, and what a new password must be."""

import asyncio
import cProfile
import threading
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import AsyncClient
from passlib.context import CryptContext
from zxcvbn.matching import L33T_TABLE

from app.core.config.passwords import PasswordSettings
from app.core.exceptions import ValidationFailed
from app.core.security import password_policy
from app.core.security.password_policy import PasswordPolicy
from app.core.security.passwords import PasswordHasher
from tests.fixtures import registration
from tests.fixtures.api import LEAST_COST, PASSWORD, Account, assert_problem, load
from tests.fixtures.database import Database

TEST_HASH = "$2b$04$5BJqKfqMQvV7nS.yUguNcueVirQqDBGaLXSqj.rs.pZPlNR0UX/HK"  # of "test"
REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
SYMBOLS = "".join(symbol for symbols in L33T_TABLE.values() for symbol in symbols)
HARD = ["12-monkeys-rules", "yT4!m qz9Lp]w", "Donaudampfschiff, blau", "пароль для кота", PASSWORD]
EASY = ["passwordpasswort", "Pa55word12345", "123456789012345678", "mnbvcxzlkjhg", "p" * 24]
COMMON = ["ThisIsMyPassword", "ichliebedich", "1q2w3e4r5t6y7u8i9o"]
SCHEMES = {
    "argon2": CryptContext(
        ["argon2"], argon2__memory_cost=8, argon2__time_cost=1, argon2__parallelism=1
    ),
    "bcrypt": CryptContext(["bcrypt"], bcrypt__rounds=4),
}


@pytest.fixture(scope="module")
def settings(variables: dict[str, str]) -> PasswordSettings:
    return load(variables).passwords


@pytest.fixture(scope="module")
def hasher(settings: PasswordSettings) -> PasswordHasher:
    return PasswordHasher(settings)


@pytest.fixture
def policy(settings: PasswordSettings) -> PasswordPolicy:
    return PasswordPolicy(settings)


@pytest.fixture
def worked(hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scheme of each hash against which a password was verified to the end."""
    done: list[str] = []
    for name in ("verify", "verify_and_update"):
        monkeypatch.setattr(hasher._context, name, noting(getattr(hasher._context, name), done))
    return done


def noting(verify: Callable[[str, str], Any], done: list[str]) -> Callable[[str, str], Any]:
    def spy(password: str, hashed: str) -> Any:
        result = verify(password, hashed)
        done.append(scheme_of(hashed))
        return result

    return spy


def scheme_of(hashed: str) -> str:
    name: str = CryptContext(["argon2", "bcrypt"]).identify(hashed)
    return name


async def refusal(policy: PasswordPolicy, password: str, *personal: str) -> str:
    """The rule that refuses the password, or nothing."""
    try:
        await policy.check(password, personal=personal)
    except ValidationFailed as error:
        return error.rule
    return ""


def calls_of_estimate(password: str) -> int:
    """How many calls an estimate makes: its work, however busy the machine is."""
    profile = cProfile.Profile()
    profile.runcall(password_policy._estimate, password, ["word"])
    return sum(entry.callcount for entry in profile.getstats())


async def test_a_hash_fits_its_password_only(hasher: PasswordHasher) -> None:
    hashed = await hasher.hash(PASSWORD)
    assert await hasher.verify(PASSWORD, hashed) == (True, None)
    assert await hasher.verify(f"{PASSWORD} ", hashed) == (False, None)
    assert await hasher.hash(PASSWORD) != hashed
    assert PASSWORD not in hashed


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_hash_of_either_scheme_signs_in_and_ends_as_the_configured_one(
    client: AsyncClient, user: Account, hasher: PasswordHasher, database: Database, scheme: str
) -> None:
    chosen = scheme_of(await hasher.hash(PASSWORD))
    old = SCHEMES[scheme].hash(user.password)
    await database.execute("UPDATE users SET hashed_password = $1", old)
    wrong = {**user.credentials, "password": "a wrong password"}
    assert_problem(await client.post(LOGIN, json=wrong), 401, "invalid_credentials")
    assert await database.fetch("SELECT hashed_password FROM users") == [(old,)]

    assert (await client.post(LOGIN, json=user.credentials)).status_code == 200
    [(new,)] = await database.fetch("SELECT hashed_password FROM users")
    assert (scheme_of(old), scheme_of(new)) == (scheme, chosen)
    assert (new == old) is (scheme == chosen)
    assert (await client.post(LOGIN, json=user.credentials)).status_code == 200
    assert await database.fetch("SELECT hashed_password FROM users") == [(new,)]


async def test_a_hash_of_another_cost_is_replaced(
    settings: PasswordSettings, hasher: PasswordHasher
) -> None:
    cost = next(iter(LEAST_COST)).removeprefix("PASSWORD_").lower()
    costlier = settings.model_copy(update={cost: getattr(settings, cost) + 1})
    fits, upgraded = await hasher.verify(PASSWORD, await PasswordHasher(costlier).hash(PASSWORD))
    assert fits
    assert upgraded
    assert await hasher.verify(PASSWORD, upgraded) == (True, None)


async def test_the_longest_password_is_told_from_a_longer_one(
    settings: PasswordSettings, hasher: PasswordHasher
) -> None:
    longest = next(text for n in range(1024, 0, -1) if settings.allows_length(text := "p" * n))
    hashed = await hasher.hash(longest)
    assert await hasher.verify(longest, hashed) == (True, None)
    assert await hasher.verify(longest[:-1], hashed) == (False, None)
    assert await hasher.verify(f"{longest}p", hashed) == (False, None)


async def test_a_password_too_long_for_an_upgrade_signs_in_all_the_same(
    hasher: PasswordHasher,
) -> None:
    password = "ü" * 60
    old = SCHEMES["argon2"].hash(password)
    fits, upgraded = await hasher.verify(password, old)
    assert fits
    assert upgraded is None or await hasher.verify(password, upgraded) == (True, None)
    assert (await hasher.verify(f"{password}x", old))[0] is False


@pytest.mark.parametrize(
    ("password", "stored"),
    [
        (PASSWORD, None),
        (PASSWORD, ""),
        (PASSWORD, TEST_HASH.replace("$2b$", "$2x$")),
        (PASSWORD, TEST_HASH[:-1]),
        (PASSWORD, TEST_HASH.replace("$04$", "$99$")),
        (PASSWORD, "$argon2id$v=19$m=8,t=1,p=1$"),
        (PASSWORD, "$argon2id$v=19$m=8,t=1,p=1$é$é"),
        (PASSWORD, PASSWORD),
        ("p" * 1024, None),
        ("p" * 1024, TEST_HASH),
        ("test\x00", TEST_HASH),
    ],
)
async def test_what_cannot_be_verified_is_wrong_after_the_same_work(
    hasher: PasswordHasher, worked: list[str], password: str, stored: str | None
) -> None:
    assert await hasher.verify(PASSWORD, await hasher.hash(PASSWORD)) == (True, None)
    assert await hasher.verify(password, stored) == (False, None)
    assert len(worked) == 2
    assert worked[0] == worked[1]


async def test_hashing_is_bounded_and_leaves_the_loop_free(
    hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, gate = 2, threading.Event()
    running, entered = threading.Semaphore(most), threading.Semaphore(0)

    def slow(secret: str) -> str:
        free = running.acquire(blocking=False)
        entered.release()
        gate.wait(timeout=10)
        running.release()
        off_loop = threading.current_thread() is not threading.main_thread()
        return secret if free and off_loop else ""

    monkeypatch.setattr(hasher._context, "hash", slow)
    monkeypatch.setattr(hasher._limiter, "total_tokens", most)
    hashes = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(8)]
    await asyncio.to_thread(lambda: [entered.acquire(timeout=10) for _ in range(most)])
    await asyncio.sleep(0.05)
    assert not entered.acquire(blocking=False)
    gate.set()
    assert await asyncio.gather(*hashes) == [PASSWORD] * 8


def test_a_core_is_left_to_the_requests(
    settings: PasswordSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cores, threads in ((None, 1), (1, 1), (2, 1), (8, 7)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert PasswordHasher(settings)._limiter.total_tokens == threads


@pytest.mark.parametrize("password", HARD)
async def test_a_password_that_is_hard_to_guess_is_accepted(
    policy: PasswordPolicy, password: str
) -> None:
    assert await refusal(policy, password) == ""


@pytest.mark.parametrize("password", EASY)
async def test_a_password_that_is_easily_guessed_is_refused(
    settings: PasswordSettings, policy: PasswordPolicy, password: str
) -> None:
    assert await refusal(policy, password) == "password_guessable"
    anything = PasswordPolicy(settings.model_copy(update={"min_score": 0}))
    assert await refusal(anything, password) == ""


@pytest.mark.parametrize("password", COMMON)
async def test_a_common_password_is_refused_whatever_its_score(
    settings: PasswordSettings, password: str
) -> None:
    anything = PasswordPolicy(settings.model_copy(update={"min_score": 0}))
    assert await refusal(anything, password) == "password_guessable"
    assert await refusal(anything, f"{password}!") == ""
    assert password_policy._estimate(password, []) >= settings.min_score


async def test_names_that_others_know_are_easily_guessed(
    policy: PasswordPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "gr3teobermayr"
    for personal in ("grete.obermayr@example.com", "Grete Obermayr"):
        assert await refusal(policy, password) == ""
        assert await refusal(policy, password, personal) == "password_guessable"
    monkeypatch.setattr(password_policy, "TITLE", "Grete Obermayr")
    assert await refusal(policy, password) == "password_guessable"


async def test_the_length_has_bounds(settings: PasswordSettings, policy: PasswordPolicy) -> None:
    text = "".join(f"{n * n} {PASSWORD} " for n in range(9))
    lengths = [n for n in range(200) if settings.allows_length(text[:n])]
    assert lengths == list(range(12, lengths[-1] + 1))
    expected = {lengths[0]: "", lengths[-1]: "", 11: "password_length"}
    expected[lengths[-1] + 1] = "password_length"
    assert {n: await refusal(policy, text[:n]) for n in expected} == expected


@pytest.mark.parametrize(
    "password",
    [
        SYMBOLS * 60,
        "a" * 1024,
        "ab" * 512,
        "1" * 1024,
        "01/01/90" * 128,
        "p4$$w0rd" * 128,
        "İﬀ" * 512,
    ],
    ids=lambda password: password[:4],
)
async def test_a_hostile_password_is_estimated_quickly(
    policy: PasswordPolicy, password: str
) -> None:
    assert calls_of_estimate(password) < 4 * calls_of_estimate("c0rrect h0rse" * 12)
    assert await refusal(policy, password) == "password_length"


async def test_parallel_estimates_do_not_share_what_is_personal(policy: PasswordPolicy) -> None:
    names = [f"grete{letter * 3}obermayr" for letter in "bcdfghjk"]
    rules = await asyncio.gather(
        *(refusal(policy, f"{name}-1", other) for name in names for other in names)
    )
    refused = [rule == "password_guessable" for rule in rules]
    assert refused == [name == other for name in names for other in names]


async def test_the_address_is_among_what_is_easily_guessed(client: AsyncClient) -> None:
    body = {"email": "grete.obermayr@example.com", "password": "gr3teobermayr"}
    response = await client.post(REGISTER, json=body)
    [error] = assert_problem(response, 422, "validation_error")["errors"]
    assert (error["pointer"], error["code"]) == ("#/password", "password_guessable")
    assert body["password"] not in response.text
    other = body | {"email": "ada@example.com"}
    assert (await client.post(REGISTER, json=other)).status_code == registration.REGISTERED


async def test_a_login_with_a_password_that_is_too_long_is_wrong(
    client: AsyncClient, user: Account
) -> None:
    for password in (f"{PASSWORD}{'x' * 100}", "ü" * 1024):
        body = {"username": user.email, "password": password}
        assert_problem(await client.post(LOGIN, json=body), 401, "invalid_credentials")
    assert (await client.post(LOGIN, json=user.credentials)).status_code == 200
