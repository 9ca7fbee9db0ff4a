"""Who can't get into whose account by registering an address first, or by changing it later."""

from dataclasses import replace

import pytest
from httpx2 import AsyncClient

from tests.fixtures import carrier, registration
from tests.fixtures.api import PASSWORD, Account, Api, SignIn, assert_problem, open_account
from tests.fixtures.database import Database
from tests.fixtures.identities import (
    FRONTEND,
    ME,
    begin_link,
    come_back,
    consent,
    enter,
    landing,
    link,
    linked,
    visit,
)
from tests.fixtures.oauth import Person

REGISTER = "/api/v1/auth/register"
VICTIM = Person("7", "victim@example.com", name="Victim")
ATTACKER = Person("666", "attacker@example.com", name="Attacker")
SPELLINGS = ["victim@example.com", "Victim@Example.COM", "victim@EXAMPLE.com"]


async def register(client: AsyncClient, email: str) -> Account:
    """Register with an address, as anybody may with any."""
    body = {"email": email, "password": PASSWORD}
    response = await client.post(REGISTER, json=body)
    assert response.status_code == registration.REGISTERED, response.text
    return Account(email)


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_who_has_registered_the_address_first_gets_no_visitor(
    client: AsyncClient, provider: str, database: Database, spelling: str
) -> None:
    await register(client, spelling)
    before = await database.fetch("SELECT * FROM users")
    refused = await visit(client, provider, VICTIM)
    assert_problem(refused, 409, "email_taken")
    assert await database.fetch("SELECT * FROM users") == before
    assert await database.count("oauth_identities") == 0
    # Nobody else is kept out by it.
    assert (await enter(client, provider, ATTACKER))["email"] == ATTACKER.email


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_an_address_that_both_sides_have_verified_joins_the_account(
    client: AsyncClient, api: Api, provider: str, database: Database, spelling: str
) -> None:
    account = Account(spelling)
    await open_account(api, account)
    [(user_id, hashed)] = await database.fetch("SELECT id, hashed_password FROM users")
    entered = await enter(client, provider, VICTIM)
    assert entered["id"] == str(user_id)
    assert entered["full_name"] is None
    assert await database.fetch("SELECT hashed_password FROM users") == [(hashed,)]
    await carrier.log_in(client, account)
    assert await linked(client) == [provider]


@pytest.mark.parametrize("opened", [True, False], ids=["account", "no account"])
@pytest.mark.parametrize(
    "person",
    [
        replace(VICTIM, verified=False),
        replace(VICTIM, email=None),
        replace(VICTIM, email="no address"),
        replace(VICTIM, email=""),
        replace(VICTIM, email="victim@example.com\nattacker@example.com"),
        replace(VICTIM, email="victim@example.com\x00"),
    ],
    ids=lambda person: f"{person.email!r}-{person.verified}",
)
async def test_an_address_that_the_provider_does_not_vouch_for_opens_nothing(
    client: AsyncClient,
    api: Api,
    provider: str,
    database: Database,
    person: Person,
    *,
    opened: bool,
) -> None:
    if opened:
        await open_account(api, Account("victim@example.com"))
    refused = await visit(client, provider, person)
    assert_problem(refused, 403, "email_not_verified")
    assert await database.count("users") == int(opened)
    assert await database.count("oauth_identities") == 0
    assert landing(await visit(client, provider, VICTIM))["code"]


async def test_who_is_known_is_told_by_the_subject_whatever_the_address(
    api: Api, client: AsyncClient, provider: str, database: Database
) -> None:
    account = await enter(client, provider, VICTIM)
    await open_account(api, Account("moved@example.com"))
    for changed in (
        replace(VICTIM, email="moved@example.com"),
        replace(VICTIM, verified=False),
        replace(VICTIM, email=None),
        replace(VICTIM, email="root@example.com", name="Somebody Else"),
    ):
        async with api.client() as later:
            again = await enter(later, provider, changed)
            assert again == account
    assert await database.count("users") == 2


async def test_another_subject_with_the_same_address_is_somebody_else(
    client: AsyncClient, provider: str, database: Database
) -> None:
    """Providers give addresses to others, once their first owners have left."""
    await enter(client, provider, VICTIM)
    refused = await visit(client, provider, replace(VICTIM, subject="8"))
    assert_problem(refused, 409, "email_taken")
    assert await database.fetch("SELECT subject FROM oauth_identities") == [("7",)]


@pytest.mark.parametrize("subject", ["70", "77", "1007", "1"])
async def test_subjects_are_alike_only_if_they_are_equal(
    client: AsyncClient, api: Api, provider: str, subject: str
) -> None:
    account = await enter(client, provider, VICTIM)
    async with api.client() as browser:
        other = await enter(browser, provider, Person(subject, "other@example.com"))
        assert other["id"] != account["id"]
    assert (await enter(client, provider, VICTIM))["id"] == account["id"]


async def test_who_links_to_the_address_of_a_victim_waits_in_vain(
    client: AsyncClient, provider: str, database: Database, sign_in: SignIn, api: Api
) -> None:
    """An account with the victim's address, made sure of by an identity of the attacker's."""
    account = Account(VICTIM.email or "")
    await open_account(api, account)
    attacker = await sign_in(account)
    await database.execute("UPDATE users SET email_verified_at = NULL")
    for person in (ATTACKER, replace(VICTIM, verified=False), replace(VICTIM, email=None)):
        assert_problem(await link(attacker, provider, person), 403, "email_not_verified")
    assert_problem(await visit(client, provider, VICTIM), 409, "email_taken")
    assert await database.count("oauth_identities") == 0
    assert await database.count("users WHERE email_verified_at IS NOT NULL") == 0


async def test_the_own_address_verifies_an_account_that_is_linked_to_it(
    api: Api, provider: str, database: Database, sign_in: SignIn
) -> None:
    account = Account("Victim@Example.com")
    await open_account(api, account)
    owner = await sign_in(account)
    await database.execute("UPDATE users SET email_verified_at = NULL")
    assert landing(await link(owner, provider, VICTIM))["linked"] == provider
    assert await database.count("users WHERE email_verified_at IS NOT NULL") == 1
    async with api.client() as browser:
        assert (await enter(browser, provider, VICTIM))["email"].lower() == VICTIM.email


async def test_who_has_moved_to_the_address_of_a_victim_waits_in_vain(
    client: AsyncClient, api: Api, provider: str
) -> None:
    """An account with an identity of the attacker's, whose address is then changed."""
    mine = await enter(client, provider, ATTACKER)
    changed = await client.post(f"{ME}/change-email", json={"email": VICTIM.email})
    assert changed.status_code == registration.CHANGED, changed.text
    moved = (await client.get(ME)).json()
    async with api.client() as browser:
        if moved["email"] == VICTIM.email:
            assert moved["email_verified_at"] is None
            assert_problem(await visit(browser, provider, VICTIM), 409, "email_taken")
        else:
            assert (await enter(browser, provider, VICTIM))["id"] != mine["id"]
    assert (await enter(client, provider, ATTACKER))["id"] == mine["id"]


async def test_nobody_links_his_account_to_that_of_who_follows_his_link(
    client: AsyncClient, user: Account, sign_in: SignIn, provider: str, database: Database
) -> None:
    """The victim is lured to a callback of a linking that the attacker has begun."""
    attacker, victim = await sign_in(user), client
    answer = await consent(await begin_link(attacker, provider), ATTACKER)
    lured = await come_back(victim, provider, answer)
    assert_problem(lured, 400, "oauth_state_invalid")
    assert await database.count("oauth_identities") == 0
    told = landing(await come_back(attacker, provider, answer))
    assert told == {"linked": provider, "next": "/"}


async def test_nobody_is_signed_in_to_an_account_of_somebody_else_s(
    api: Api, client: AsyncClient, provider: str
) -> None:
    """The victim is lured to a landing with a code of the attacker's."""
    async with api.client() as attacker:
        landed = await visit(attacker, provider, ATTACKER)
        code = landing(landed)["code"]
        assert landed.headers["location"].startswith(FRONTEND)
        refused = await client.post("/api/v1/oauth/exchange", json={"code": code})
        assert_problem(refused, 401, "token_invalid")
        await carrier.enter(attacker, "/api/v1/oauth/exchange", {"code": code})


async def test_an_account_without_a_password_has_none_that_fits(
    client: AsyncClient, provider: str, database: Database
) -> None:
    await enter(client, provider, VICTIM)
    for password in (" ", "None", "null", PASSWORD):
        username = VICTIM.email or ""
        refused = await carrier.try_to_sign_in(client, username=username, password=password)
        assert_problem(refused, 401, "invalid_credentials")
    await register(client, "else@example.com")
    await database.execute("UPDATE users SET email_verified_at = now()")
    await carrier.log_in(client, Account("else@example.com"))
