"""Where people are sent, which is decided by nobody but the settings."""

from urllib.parse import quote, unquote

import pytest
from httpx2 import AsyncClient

from tests.fixtures.api import assert_problem
from tests.fixtures.identities import (
    IDENTITIES,
    OAUTH,
    begin_link,
    come_back,
    consent,
    exchange,
    landing,
    reach,
    visit,
)
from tests.fixtures.oauth import Fake, Person

PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
PATHS = ["/", "/account", "/a/b?tab=1&next=//x#top", "/~ü/%2F%2Fevil.example", "/@evil.example"]
ELSEWHERE = [
    "",
    "account",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nLocation: https://evil.example",
    "/a\x00",
    " /account",
    "/a b",
    "/a\\..\\b",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/" + "a" * 512,
]


@pytest.mark.parametrize("path", PATHS)
async def test_people_go_on_to_the_path_that_they_came_for(
    client: AsyncClient, provider: str, path: str
) -> None:
    told = landing(await visit(client, provider, next=path))
    assert told["next"] == path
    assert (await exchange(client, told["code"])).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_who_has_linked_goes_on_to_the_path_as_well(
    user_client: AsyncClient, provider: str, path: str
) -> None:
    answer = await consent(await begin_link(user_client, provider, next=path), Person())
    told = landing(await come_back(user_client, provider, answer))
    assert told == {"linked": provider, "next": path}


@pytest.mark.parametrize("path", ELSEWHERE, ids=quote)
async def test_nobody_is_sent_to_another_site(
    user_client: AsyncClient, provider: str, path: str
) -> None:
    initiate = f"{OAUTH}/{provider}/initiate"
    refused = await user_client.get(initiate, params={"next": path})
    assert_problem(refused, 422, "validation_error")
    refused = await user_client.post(
        f"{IDENTITIES}/{provider}", json={"password": "x", "next": path}
    )
    assert_problem(refused, 422, "validation_error")
    assert (await user_client.get(initiate, params={"next": "/account"})).status_code == 302


async def test_what_comes_back_can_not_move_the_landing(client: AsyncClient, provider: str) -> None:
    answer = await reach(client, provider, Person(), next="/mine")
    evil = {"next": "https://evil.example", "redirect_uri": "https://evil.example"}
    response = await come_back(client, provider, answer | evil)
    assert landing(response)["next"] == "/mine"
    assert "evil" not in unquote(response.headers["location"])


async def test_no_answer_is_kept_by_caches_or_told_to_other_sites(
    client: AsyncClient, provider: str
) -> None:
    response = await visit(client, provider)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_a_refusal_at_the_provider_ends_the_sign_in(
    client: AsyncClient, provider: str, fake: Fake
) -> None:
    answer = await reach(client, provider, None)
    refused = await come_back(client, provider, answer)
    assert_problem(refused, 403, "oauth_denied")
    assert "<b>" not in refused.text
    assert fake.token not in fake.asked
    # It is over, also for who finds a code later.
    later = {"state": answer["state"], "code": "x"}
    assert_problem(await come_back(client, provider, later), 400, "oauth_state_invalid")
    assert "code" in landing(await visit(client, provider))


@pytest.mark.parametrize("code", [None, "", "made-up", "x" * 4000])
async def test_a_code_that_the_provider_has_not_given_is_refused(
    client: AsyncClient, provider: str, code: str | None
) -> None:
    answer = await reach(client, provider, Person())
    given = answer | {"code": code or ""}
    if code is None:
        del given["code"]
    assert_problem(await come_back(client, provider, given), 403, "oauth_denied")


async def test_a_code_of_another_sign_in_is_refused(client: AsyncClient, provider: str) -> None:
    """Whoever injects a code that he has caught lacks the verifier that it is bound to."""
    caught = await reach(client, provider, Person())
    mine = await reach(client, provider, Person())
    mixed = mine | {"code": caught["code"]}
    assert_problem(await come_back(client, provider, mixed), 403, "oauth_denied")
    other = await reach(client, provider, Person())
    assert "code" in landing(await come_back(client, provider, other))


async def test_errors_of_pages_are_told_by_the_front_end(
    client: AsyncClient, provider: str
) -> None:
    denied = await reach(client, provider, None)
    shown = await come_back(client, provider, denied, Accept=PAGE)
    assert landing(shown) == {"error": "oauth_denied"}
    shown = await come_back(client, provider, denied, Accept=PAGE)
    assert landing(shown) == {"error": "oauth_state_invalid"}
    assert "denied" not in shown.headers["location"]
    for accept in ("application/json", "*/*"):
        told = await come_back(client, provider, denied, Accept=accept)
        assert_problem(told, 400, "oauth_state_invalid")


@pytest.mark.parametrize("accept", [PAGE, "application/json"])
async def test_a_question_that_can_not_be_understood_is_a_problem(
    client: AsyncClient, provider: str, accept: str
) -> None:
    asked: dict[str, str] = {"state": "x" * 513}
    refused = await come_back(client, provider, asked, Accept=accept)
    assert_problem(refused, 422, "validation_error")
    assert "xxx" not in refused.text
    asked = {"state": "x" * 512}
    assert (await come_back(client, provider, asked, Accept=accept)).status_code in {302, 400}
