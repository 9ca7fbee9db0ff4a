import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from httpx2 import AsyncClient

from tests.fixtures import carrier
from tests.fixtures.api import PASSWORD, Account, Api, Routes, SignIn, assert_problem, codes_of
from tests.fixtures.contract import GENERAL
from tests.fixtures.database import Database
from tests.fixtures.identities import (
    IDENTITIES,
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
from tests.fixtures.oauth import FAKES, Person

LOGOUT = "/api/v1/auth/logout"
LOGOUT_ALL = "/api/v1/auth/logout-all"
WRONG = "a wrong password, but a long one"
NEW = "several quite different words"
ADA = Person("15", "lovelace@example.org", name="Countess")
OTHER = Person("16", "other@example.org", name="Other")


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[AsyncClient]:
    """One that nobody is signed in with."""
    async with api.client() as browser:
        yield browser


async def count_linked(database: Database) -> int:
    return await database.count("oauth_identities")


async def test_a_linked_account_signs_in_to_the_own_one(
    user_client: AsyncClient, browser: AsyncClient, user: Account, provider: str
) -> None:
    mine = (await user_client.get(ME)).json()
    told = landing(await link(user_client, provider, ADA))
    assert told == {"linked": provider, "next": "/"}
    assert await enter(browser, provider, ADA) == mine
    await carrier.log_in(browser, user)


async def test_identities_are_listed_for_their_owner(
    user_client: AsyncClient, admin_client: AsyncClient, provider: str
) -> None:
    assert await linked(user_client) == []
    await link(user_client, provider, ADA)
    [shown] = (await user_client.get(IDENTITIES)).json()["items"]
    assert set(shown) == {"provider", "email", "created_at", "last_used_at"}
    assert (shown["provider"], shown["email"]) == (provider, ADA.email)
    assert await linked(admin_client) == []


async def test_a_sign_in_is_noted_as_the_last_use(
    user_client: AsyncClient, browser: AsyncClient, provider: str
) -> None:
    await link(user_client, provider, ADA)
    used = []
    for _ in range(2):
        await enter(browser, provider, ADA)
        [shown] = (await user_client.get(IDENTITIES)).json()["items"]
        used.append(datetime.fromisoformat(shown["last_used_at"]))
    assert datetime.fromisoformat(shown["created_at"]) < used[0] < used[1]


@pytest.mark.parametrize("password", [WRONG, "", None], ids=["wrong", "empty", "none"])
async def test_linking_takes_the_password(
    user_client: AsyncClient, provider: str, database: Database, password: str | None
) -> None:
    path = f"{IDENTITIES}/{provider}"
    body: dict[str, str] = {} if password is None else {"password": password}
    assert_problem(await user_client.post(path, json=body), 403, "wrong_password")
    assert await database.count("oauth_states") == 0
    assert await begin_link(user_client, provider)
    assert await database.count("oauth_states") == 1


async def test_guesses_of_the_password_are_slowed_down(
    user_client: AsyncClient, provider: str, database: Database
) -> None:
    path = f"{IDENTITIES}/{provider}"
    for _ in range(5):
        await user_client.post(path, json={"password": WRONG})
    await database.execute("UPDATE login_attempts SET locked_until = now() + interval '1h'")
    refused = await user_client.post(path, json={"password": PASSWORD})
    assert_problem(refused, 403, "wrong_password")
    await database.execute("UPDATE login_attempts SET locked_until = now()")
    assert await begin_link(user_client, provider)


async def test_without_a_password_a_sign_in_of_late_confirms_it(
    browser: AsyncClient, provider: str, database: Database
) -> None:
    await enter(browser, provider, ADA)
    path = f"{IDENTITIES}/{provider}"
    assert (await browser.post(path, json={})).status_code == 200
    await database.execute("UPDATE auth_sessions SET created_at = now() - interval '16 minutes'")
    assert_problem(await browser.post(path, json={}), 403, "recent_login_required")


async def test_linking_goes_on_in_the_browser_in_which_it_was_begun(
    user_client: AsyncClient, browser: AsyncClient, provider: str, database: Database
) -> None:
    answer = await consent(await begin_link(user_client, provider), ADA)
    assert_problem(await come_back(browser, provider, answer), 400, "oauth_state_invalid")
    assert await count_linked(database) == 0
    assert landing(await come_back(user_client, provider, answer))["linked"] == provider


@pytest.mark.parametrize("path", [LOGOUT, LOGOUT_ALL])
async def test_who_has_signed_out_meanwhile_links_nothing(
    user: Account, sign_in: SignIn, provider: str, database: Database, path: str
) -> None:
    first, second = await sign_in(user), await sign_in(user)
    answers = [await consent(await begin_link(who, provider), ADA) for who in (first, second)]
    assert (await first.post(path)).is_success
    # The browser still has the cookie that the linking is bound to.
    assert_problem(await come_back(first, provider, answers[0]), 400, "oauth_state_invalid")
    assert await count_linked(database) == 0
    still = await come_back(second, provider, answers[1])
    assert still.status_code == (302 if path == LOGOUT else 400)
    assert await count_linked(database) == int(path == LOGOUT)


@pytest.mark.parametrize("change", [{"is_active": False}, None], ids=["disabled", "deleted"])
async def test_an_account_that_is_gone_meanwhile_gets_no_identity(
    user_client: AsyncClient,
    admin_client: AsyncClient,
    provider: str,
    database: Database,
    change: dict[str, bool] | None,
) -> None:
    user_id = (await user_client.get(ME)).json()["id"]
    answer = await consent(await begin_link(user_client, provider), ADA)
    path = f"/api/v1/users/{user_id}"
    await (admin_client.patch(path, json=change) if change else admin_client.delete(path))
    assert_problem(await come_back(user_client, provider, answer), 400, "oauth_state_invalid")
    assert await count_linked(database) == 0
    assert landing(await link(admin_client, provider, ADA))["linked"] == provider


async def test_an_identity_belongs_to_one_account(
    user_client: AsyncClient, admin_client: AsyncClient, provider: str, database: Database
) -> None:
    await link(user_client, provider, ADA)
    owners = await database.fetch("SELECT user_id FROM oauth_identities")
    assert_problem(await link(admin_client, provider, ADA), 409, "identity_taken")
    assert await database.fetch("SELECT user_id FROM oauth_identities") == owners
    assert landing(await link(admin_client, provider, OTHER))["linked"] == provider


async def test_an_account_has_one_identity_of_each_provider(
    user_client: AsyncClient, provider: str, database: Database
) -> None:
    await link(user_client, provider, ADA)
    assert_problem(await link(user_client, provider, OTHER), 409, "identity_taken")
    # The same once more changes nothing.
    assert landing(await link(user_client, provider, ADA))["linked"] == provider
    assert await database.fetch("SELECT subject FROM oauth_identities") == [(ADA.subject,)]
    for other in set(FAKES) - {provider}:
        assert landing(await link(user_client, other, OTHER))["linked"] == other
    assert await linked(user_client) == sorted(FAKES)


async def test_of_two_accounts_that_link_the_same_at_once_one_has_it(
    user_client: AsyncClient, admin_client: AsyncClient, provider: str, database: Database
) -> None:
    both = (user_client, admin_client)
    answers = [await consent(await begin_link(who, provider), ADA) for who in both]
    pairs = zip(both, answers, strict=True)
    ended = await asyncio.gather(*(come_back(who, provider, answer) for who, answer in pairs))
    assert sorted(response.status_code for response in ended) == [302, 409]
    [refused] = [response for response in ended if response.status_code == 409]
    assert_problem(refused, 409, "identity_taken")
    assert await count_linked(database) == 1


async def test_what_was_unlinked_signs_in_no_more(
    user_client: AsyncClient, browser: AsyncClient, provider: str, database: Database
) -> None:
    await link(user_client, provider, ADA)
    assert (await user_client.delete(f"{IDENTITIES}/{provider}")).status_code == 204
    assert await linked(user_client) == []
    again = await user_client.delete(f"{IDENTITIES}/{provider}")
    assert_problem(again, 404, "not_found")
    # Whoever comes with it is a stranger, who gets an account of his own.
    other = await enter(browser, provider, ADA)
    assert other["id"] != (await user_client.get(ME)).json()["id"]


async def test_nobody_unlinks_for_somebody_else(
    user_client: AsyncClient, admin_client: AsyncClient, provider: str
) -> None:
    await link(user_client, provider, ADA)
    path = f"{IDENTITIES}/{provider}"
    assert_problem(await admin_client.delete(path), 404, "not_found")
    assert await linked(user_client) == [provider]


@pytest.mark.parametrize("name", ["nobody", "%00", "x" * 300, "%F0%9F%92%A9", "%ED%A0%80"])
async def test_there_is_nothing_to_unlink_of_a_provider_that_nobody_knows(
    user_client: AsyncClient, provider: str, name: str
) -> None:
    await link(user_client, provider, ADA)
    response = await user_client.delete(f"{IDENTITIES}/{name}")
    assert response.status_code in {404, 422}, response.text
    assert await linked(user_client) == [provider]


async def test_the_last_way_to_sign_in_stays(
    browser: AsyncClient, provider: str, database: Database
) -> None:
    await enter(browser, provider, ADA)
    path = f"{IDENTITIES}/{provider}"
    assert_problem(await browser.delete(path), 409, "last_credential")
    assert await linked(browser) == [provider]
    hashed = "(SELECT 'a hash')"
    await database.execute(f"UPDATE users SET hashed_password = {hashed}")
    assert (await browser.delete(path)).status_code == 204


@pytest.mark.skipif(len(FAKES) < 2, reason="takes two providers")
async def test_of_two_identities_one_may_go_also_if_both_go_at_once(
    browser: AsyncClient, provider: str
) -> None:
    await enter(browser, provider, ADA)
    names = sorted(FAKES)
    for other in set(FAKES) - {provider}:
        assert landing(await link(browser, other, OTHER))["linked"] == other
    tries = (browser.delete(f"{IDENTITIES}/{name}") for name in names)
    statuses = sorted([response.status_code for response in await asyncio.gather(*tries)])
    assert statuses == [204, 409]
    assert len(await linked(browser)) == 1


async def test_who_has_closed_an_account_may_open_another_one(
    browser: AsyncClient, provider: str, database: Database
) -> None:
    first = await enter(browser, provider, ADA)
    assert (await browser.delete(ME)).status_code == 204
    assert await count_linked(database) == 0
    second = await enter(browser, provider, ADA)
    assert second["id"] != first["id"]
    assert second["email"] == first["email"]


async def test_a_disabled_account_is_not_signed_in_to(
    browser: AsyncClient, admin_client: AsyncClient, provider: str, database: Database
) -> None:
    account = await enter(browser, provider, ADA)
    path = f"/api/v1/users/{account['id']}"
    for active in (False, True):
        assert (await admin_client.patch(path, json={"is_active": active})).is_success
        response = await visit(browser, provider, ADA)
        if active:
            assert "code" in landing(response)
        else:
            assert_problem(response, 403, "account_disabled")
    assert await count_linked(database) == 1


def test_what_only_some_providers_fail_with_is_documented(routes: Routes) -> None:
    begin = codes_of(routes["GET /api/v1/oauth/{provider}/initiate"])
    away = {"provider_failed", "provider_unavailable"}
    assert begin == {"not_found"} | away | GENERAL
    expected = {"not_found", "wrong_password", "recent_login_required"}
    expected |= away | GENERAL | carrier.SIGNED_IN | carrier.UNSAFE
    route = routes["POST /api/v1/users/me/identities/{provider}"]
    assert codes_of(route) == expected
    assert route["operationId"] == "identities_link"
