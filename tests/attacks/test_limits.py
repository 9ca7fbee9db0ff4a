"""Limits hold whatever callers say of where they come from, who they are and what they want."""

import secrets
from collections.abc import Iterator
from functools import partial
from itertools import cycle, islice

import pytest

from tests.attacks.carriers import API, TokenCredentials, bearer
from tests.attacks.cookies import COOKIE
from tests.attacks.deployment import Deployment
from tests.attacks.forgery import Token
from tests.attacks.limits import (
    LIMITED,
    PROXY,
    READS,
    STRANGER,
    WRITES,
    Place,
    call,
)
from tests.attacks.people import People, at_once, is_in, me, refusal


@pytest.fixture
def deployment(place: Place) -> Deployment:
    return place()


@pytest.fixture
def proxy(limited: Deployment) -> Iterator[Deployment]:
    with limited.seen_from(PROXY) as deployment:
        yield deployment


def spend(deployment: Deployment, headers: Iterator[dict[str, str]] | None = None) -> None:
    """Use up what an address may read."""
    each = headers or cycle([{}])
    for client, given in islice(zip(cycle(deployment.processes), each, strict=False), READS):
        assert call(client, given) == STRANGER
    assert call(deployment.here, next(each)) == LIMITED


def forwarded(*addresses: str) -> dict[str, str]:
    return {"X-Forwarded-For": ", ".join(addresses)}


@pytest.mark.parametrize(
    "headers",
    [
        forwarded("192.0.2.1"),
        forwarded("192.0.2.1", "192.0.2.2", PROXY),
        forwarded(PROXY),
        forwarded(""),
        {"X-Real-IP": "192.0.2.1"},
        {"X-Client-IP": "192.0.2.1"},
        {"True-Client-IP": "192.0.2.1"},
        {"CF-Connecting-IP": "192.0.2.1"},
        {"Forwarded": 'for=192.0.2.1;proto=https;by="[2001:db8::1]"'},
        {"X-Forwarded-Host": "example.org", "X-Forwarded-Proto": "https"},
        {"Via": "1.1 192.0.2.1", "User-Agent": "Somebody else"},
    ],
    ids=lambda headers: "-".join([*headers, str(len(str(headers)))]),
)
def test_no_header_makes_another_address(
    headers: dict[str, str], deployment: Deployment, place: Place
) -> None:
    spend(deployment, cycle([{}, headers]))
    for process in deployment.processes:
        assert call(process) == LIMITED
        assert call(process, headers) == LIMITED
    assert call(place().here, headers) == STRANGER


def test_behind_a_proxy_the_address_counts_that_it_has_seen(proxy: Deployment) -> None:
    seen, other = "203.0.113.1", "203.0.113.2"
    spend(proxy, cycle([forwarded(seen), forwarded(other, seen), forwarded("unknown", seen)]))
    same = [
        forwarded(other, seen),
        forwarded(seen, PROXY),
        forwarded(other, seen, PROXY),
        forwarded(other, f"  {seen}"),
        forwarded(f"::ffff:{seen}"),
        forwarded(f"{seen}:40000"),
    ]
    for headers in same:
        assert (headers, call(proxy.there, headers)) == (headers, LIMITED)
    for headers in (forwarded(seen, other), forwarded(other), forwarded(f"::ffff:{other}")):
        assert (headers, call(proxy.there, headers)) == (headers, STRANGER)


def test_what_a_proxy_forwards_breaks_nothing(proxy: Deployment) -> None:
    for said in ("unknown", "fe80::1%eth0", "[2001:db8::1]:443", "1.2.3.4.5", "%", "x" * 4000):
        assert (said, call(proxy.here, forwarded(said))) == (said, STRANGER)


def test_a_network_of_ipv6_is_one_address(proxy: Deployment) -> None:
    network = f"2001:db8:{secrets.randbelow(65535) + 1:x}"
    neighbours = (forwarded(f"{network}:1::{number:x}") for number in range(1, 1000))
    spend(proxy, neighbours)
    assert call(proxy.there, forwarded(f"{network}:1:ffff:ffff:ffff:ffff")) == LIMITED
    assert call(proxy.there, forwarded(f"{network}:1::ffff:1")) == LIMITED
    assert call(proxy.there, forwarded(f"{network}:2::1")) == STRANGER


def test_no_spelling_of_a_path_passes_by(deployment: Deployment) -> None:
    spend(deployment)
    path = f"{API}/users/me"
    spellings = [
        path,
        f"{path}/",
        f"{path}//",
        f"/{path}",
        path.replace("/users", "//users"),
        path.replace("/users", "/./users"),
        path.replace("/users", "/x/../users"),
        path.replace("users", "%75sers"),
        path.replace("/me", "%2fme"),
        path.replace("me", "m%65"),
        f"{path}%2e",
        f"{path};x=1",
        f"{path}?x=1",
        f"{path}#x",
        path.upper(),
    ]
    for method in ("GET", "HEAD"):
        # As the bytes of a target, which no client mends; what reaches no route is not found.
        statuses = {
            spelling: deployment.here.request(
                method, "/", extensions={"target": spelling.encode()}
            ).status_code
            for spelling in spellings
        }
        assert set(statuses.values()) == {404, 429}, statuses
        assert [statuses[spelling] for spelling in spellings[:3]] == [429] * 3
    options = deployment.here.options(path)
    assert (options.status_code, options.json()["code"]) == (405, "method_not_allowed")


def made_up(people: People, shared: Deployment) -> list[dict[str, str]]:
    """Return credentials that are worth nothing, each another."""
    _, session = people.register_and_sign_in()
    if not isinstance(session, TokenCredentials):
        cookies = [secrets.token_urlsafe(32) for _ in range(4)]
        return [{"Cookie": f"{COOKIE}={cookie}"} for cookie in ["", *cookies, "-" * 3000]]
    token = Token.parse(session.access_token, shared.keys["main"])
    tokens = [
        secrets.token_urlsafe(32),
        token.with_claims(exp=token.claims["iat"] - 1).signed(),
        token.with_claims(sub=people.register().id).unchanged_signature(),
        token.with_key(secrets.token_bytes(32)).signed(),
        token.with_claims(typ="refresh").signed(),
        session.refresh_token,
    ]
    return [bearer(each) for each in tokens]


def test_credentials_that_are_not_valid_give_no_limit_of_their_own(
    people: People, deployment: Deployment
) -> None:
    _, genuine = people.register_and_sign_in()
    worthless = made_up(people, deployment)
    spent = deployment.here.get(f"{API}/users/me", headers=worthless[0])
    for _ in range(int(spent.headers["RateLimit-Remaining"])):
        assert refusal(deployment.here.get(f"{API}/users/me"))[0] == 401
    for headers in worthless:
        for process in deployment.processes:
            assert (headers, call(process, headers)) == (headers, LIMITED)
    assert me(deployment.there, genuine).status_code == 200


def test_who_shares_an_address_does_not_share_a_limit(
    people: People, deployment: Deployment
) -> None:
    (_, greedy), (_, other) = people.register_and_sign_in(), people.register_and_sign_in()
    for client in islice(cycle(deployment.processes), READS):
        assert is_in(client, greedy)
    for process in deployment.processes:
        assert refusal(me(process, greedy)) == LIMITED
    for client in islice(cycle(deployment.processes), READS):
        assert is_in(client, other)


def test_a_user_is_one_wherever_they_come_from(people: People, place: Place) -> None:
    account, session = people.register_and_sign_in()
    again = people.sign_in(account)
    for client, credentials in islice(
        zip(cycle(people.deployment.processes), cycle([session, again]), strict=False), READS
    ):
        assert is_in(client, credentials)
    for credentials in (session, again, people.sign_in(account, client=place().here)):
        assert refusal(me(place().there, credentials)) == LIMITED


@pytest.mark.parametrize("who", ["user", "address"])
def test_of_many_at_once_the_limit_passes(who: str, people: People, place: Place) -> None:
    session = people.register_and_sign_in()[1] if who == "user" else None
    deployment = place()
    headers = session.headers if session else {}
    clients = islice(cycle(deployment.processes), 120)
    get = [partial(client.get, f"{API}/users/me", headers=headers) for client in clients]
    statuses = [answer.status_code for answer in at_once(get, workers=40)]
    assert statuses.count(429) == 120 - READS
    assert statuses.count(200 if session else 401) == READS


def test_writes_at_once_have_a_limit_of_their_own(people: People) -> None:
    _, session = people.register_and_sign_in()
    clients = islice(cycle(people.deployment.processes), 2 * WRITES)
    body = {"title": "Engine"}
    posts = [
        partial(client.post, f"{API}/items", json=body, headers=session.headers)
        for client in clients
    ]
    statuses = [answer.status_code for answer in at_once(posts)]
    assert (statuses.count(201), statuses.count(429)) == (WRITES, WRITES)
    assert is_in(people.deployment.here, session)


def test_probes_are_never_limited(deployment: Deployment) -> None:
    spend(deployment)
    for path in ("/health", "/health/live", "/health/ready", "/health/live/"):
        for client in islice(cycle(deployment.processes), READS // 2):
            assert client.get(path).status_code == 200
    assert call(deployment.here) == LIMITED
