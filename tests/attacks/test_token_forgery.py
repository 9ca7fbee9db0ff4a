"""Access tokens that are forged, foreign, outdated or in the wrong place."""

import secrets
import socket
import time
from contextlib import suppress

import pytest
from httpx2 import Client, Request

from tests.attacks.carriers import API, TokenCarrier, TokenCredentials, bearer
from tests.attacks.deployment import Deployment
from tests.attacks.forgeries import FORGERIES, Forge
from tests.attacks.forgery import Token
from tests.attacks.people import People, is_in, refusal

ME = f"{API}/users/me"
INVALID = (401, "token_invalid")


@pytest.fixture
def credentials(people: People, carrier: TokenCarrier) -> TokenCredentials:
    account = people.register()
    here = people.deployment.here
    return carrier.credentials(carrier.log_in(here, account.email, account.password))


@pytest.fixture
def genuine(credentials: TokenCredentials, deployment: Deployment) -> Token:
    return Token.parse(credentials.access_token, deployment.keys["main"])


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_token_is_refused(forge: Forge, genuine: Token, deployment: Deployment) -> None:
    for process in deployment.processes:
        assert process.get(ME, headers=bearer(genuine.signed())).status_code == 200
        assert refusal(process.get(ME, headers=bearer(forge(genuine)))) == INVALID


def test_a_key_of_the_ring_verifies_though_it_does_not_sign(
    genuine: Token, deployment: Deployment
) -> None:
    former = genuine.with_header(kid="former")
    by_former = former.with_key(deployment.keys["former"].encode()).signed()
    by_main = former.signed()
    for process in deployment.processes:
        assert process.get(ME, headers=bearer(by_former)).status_code == 200
        assert refusal(process.get(ME, headers=bearer(by_main))) == INVALID


def test_an_expired_token_is_refused(genuine: Token, deployment: Deployment) -> None:
    lifetime = genuine.claims["exp"] - genuine.claims["iat"]
    assert 0 < lifetime <= 15 * 60
    issued = int(time.time()) - lifetime - 60
    old = genuine.with_claims(iat=issued, nbf=issued, exp=issued + lifetime).signed()
    young = genuine.with_claims(iat=issued, nbf=issued, exp=issued + lifetime + 600).signed()
    for process in deployment.processes:
        assert process.get(ME, headers=bearer(young)).status_code == 200
        assert refusal(process.get(ME, headers=bearer(old))) == (401, "token_expired")


def test_a_token_names_one_user_and_a_session_of_theirs(
    people: People, genuine: Token, credentials: TokenCredentials, deployment: Deployment
) -> None:
    victim, session = people.register_and_sign_in()
    for claims in ({"sub": victim.id}, {"sid": people.session_id(session)}):
        forged = genuine.with_claims(**claims).signed()
        for process in deployment.processes:
            assert refusal(process.get(ME, headers=bearer(forged))) == INVALID
    assert is_in(deployment.here, session)
    assert is_in(deployment.here, credentials)


@pytest.mark.parametrize("header", ["jku", "x5u"])
def test_no_key_is_fetched_from_where_a_token_says(
    header: str, genuine: Token, deployment: Deployment
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/keys.json"
        for token in (genuine, genuine.with_key(secrets.token_bytes(32))):
            forged = token.with_header(**{header: url}).without_header("kid").signed()
            for process in deployment.processes:
                assert refusal(process.get(ME, headers=bearer(forged))) == INVALID
        with pytest.raises(TimeoutError):
            listener.accept()
        with suppress(OSError), socket.create_connection(listener.getsockname()):
            listener.accept()[0].close()
    assert deployment.here.get(ME, headers=bearer(genuine.signed())).status_code == 200


@pytest.mark.parametrize(
    "place", ["query", "token-query", "cookie", "header", "basic", "scheme", "bare", "twice"]
)
def test_a_token_counts_only_in_its_header(
    place: str, credentials: TokenCredentials, deployment: Deployment
) -> None:
    token = credentials.access_token
    requests = {
        "query": Request("GET", ME, params={"access_token": token}),
        "token-query": Request("GET", ME, params={"token": token}),
        "cookie": Request("GET", ME, headers={"Cookie": f"access_token={token}"}),
        "header": Request("GET", ME, headers={"X-Access-Token": token}),
        "basic": Request("GET", ME, headers={"Authorization": f"Basic {token}"}),
        "scheme": Request("GET", ME, headers={"Authorization": f"Token {token}"}),
        "bare": Request("GET", ME, headers={"Authorization": token}),
        "twice": Request("GET", ME, headers={"Authorization": f"Basic x, Bearer {token}"}),
    }
    request = requests[place]
    for process in deployment.processes:
        url = process.base_url.join(str(request.url))
        answer = process.send(process.build_request("GET", url, headers=request.headers))
        assert refusal(answer) == (401, "not_authenticated")
        assert is_in(process, credentials)


@pytest.mark.parametrize("value", [b"Bearer \xff\xfe", b"Bearer", b"Bearer \x01", b"Bearer a b c"])
def test_an_unreadable_header_is_no_failure(
    value: bytes, credentials: TokenCredentials, here: Client
) -> None:
    answer = here.get(ME, headers={b"Authorization": value})
    assert answer.status_code in {400, 401}
    assert is_in(here, credentials)
