from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from redis.asyncio import Redis

from app.api.dependencies.rate_limit import POLICIES
from tests.fixtures import carrier
from tests.fixtures.api import Account, Api, Routes, assert_problem, load, running
from tests.fixtures.contract import PUBLIC
from tests.fixtures.rate_limit import FIELDS, OPEN, WRONG, Limited, assert_limited, told

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/users/me"


async def try_login(
    api: Api, body: dict[str, Any], *, device: str | None = None, **options: Any
) -> Response:
    async with api.client(**options) as client:
        return await carrier.present(client, LOGIN, body, device=device)


async def test_one_call_too_many_is_refused(limited: Limited, user: Account) -> None:
    api = await limited(default="3/minute", writes="2/minute")
    async with api.client() as client:
        await carrier.sign_in(client, **user.credentials)
        assert told(await client.get(ME)) == (3, 2)
        missing = await client.get("/api/v1/auth/sessions", params={"page": 0})
        assert (missing.status_code, *told(missing)) == (422, 3, 1)
        assert told(await client.get(ME)) == (3, 0)
        for _ in range(3):
            assert 50 < assert_limited(await client.get(ME)) <= 60
        for remaining in (1, 0):
            changed = await client.patch(ME, json={"full_name": "Ada"})
            assert (changed.status_code, *told(changed)) == (200, 2, remaining)
        assert_limited(await client.patch(ME, json={"full_name": "Ada"}))


async def test_who_is_signed_in_does_not_share_the_limit_of_an_address(
    limited: Limited, user: Account, admin: Account
) -> None:
    api = await limited(default="4/minute")
    async with api.client() as stranger, api.client() as ada, api.client() as root:
        for client, account in ((ada, user), (root, admin)):
            await carrier.sign_in(client, **account.credentials)
        while (response := await stranger.get(OPEN)).status_code == 200:
            pass
        assert_limited(response)
        for client in (ada, root):
            for _ in range(4):
                assert (await client.get(OPEN)).status_code == 200
            assert_limited(await client.get(OPEN))
        for headers, code in carrier.refused(api.resources):
            assert code
            assert_limited(await stranger.get(ME, headers=headers))


@pytest.mark.parametrize(("proxies", "statuses"), [("", [200, 429]), ("127.0.0.1", [200, 200])])
async def test_only_a_trusted_proxy_names_another_address(
    environment: dict[str, str], valkey: Redis, proxies: str, statuses: list[int]
) -> None:
    await valkey.flushdb()
    limits = {"RATE_LIMIT_DEFAULT": "1/minute", "APP_TRUSTED_PROXIES": proxies}
    async with running(load(environment | limits)) as api, api.client() as client:
        found = [
            (await client.get(OPEN, headers={"X-Forwarded-For": f"192.0.2.{n}"})).status_code
            for n in range(2)
        ]
    assert found == statuses


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", 429),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", 200),
        ("192.0.2.1", "192.0.2.1", 429),
        ("192.0.2.1", "::ffff:192.0.2.1", 429),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", 200),
        ("192.0.2.1", "192.0.2.2", 200),
    ],
)
async def test_a_network_of_ipv6_is_one_address(
    limited: Limited, first: str, second: str, status: int
) -> None:
    api = await limited(default="1/minute")
    async with api.client(address=first) as one, api.client(address=second) as other:
        assert (await one.get(OPEN)).status_code == 200
        assert (await other.get(OPEN)).status_code == status


async def test_all_that_nobody_has_to_be_signed_in_for_is_strict(
    limited: Limited, routes: Routes, user: Account
) -> None:
    strict = sorted(name for name in PUBLIC if name.startswith(("POST", "PUT", "PATCH", "DELETE")))
    api = await limited(auth="1/minute")
    async with api.client() as client:
        for path in (name.split()[1] for name in strict):
            assert (await client.post(path, json={})).status_code != 429, path
            assert_limited(await client.post(path, json={}))
    # Whoever is signed in is a stranger there, too.
    api = await limited(auth="1/minute", writes="100/minute")
    async with api.client(address="192.0.2.1") as client:
        await carrier.sign_in(client, **user.credentials)
        for name in strict:
            for _ in range(2):
                response = await client.post(name.split()[1], json={})
            assert_limited(response)
    named = {route["operationId"] for route in routes.values()}
    assert named >= set(POLICIES)


async def test_an_account_is_limited_wherever_it_is_tried_from(
    limited: Limited, user: Account, client: AsyncClient
) -> None:
    api = await limited(account="4/minute")
    known = (await carrier.log_in(client, user))["device_token"]  # the first that counts
    for n in range(3):
        response = await try_login(api, WRONG, address=f"192.0.2.{n}")
        assert_problem(response, 401, "invalid_credentials")
    for name in (user.email, f" {user.email.upper()} ", " " * 400 + user.email):
        body = {"username": name, "password": user.password}
        assert_limited(await try_login(api, body, address="192.0.2.10"))
        assert_limited(await try_login(api, body, device="made-up", address="192.0.2.11"))
    assert_problem(
        await try_login(api, WRONG | {"username": "bob@example.com"}, address="192.0.2.12"),
        401,
        "invalid_credentials",
    )
    # The owner gets in on a device that has signed in before, though not without end.
    for _ in range(4):
        response = await try_login(api, user.credentials, device=known, address="192.0.2.13")
        assert response.status_code == 200
    assert_limited(await try_login(api, user.credentials, device=known, address="192.0.2.13"))


@pytest.mark.parametrize("content_type", ["application/form+json", "application/json; x=form"])
async def test_an_account_is_found_in_every_type_of_json(
    limited: Limited, user: Account, content_type: str
) -> None:
    api = await limited(account="1/minute")
    for refused in (False, True):
        async with api.client() as client:
            client.headers["Content-Type"] = content_type
            response = await carrier.present(client, LOGIN, user.credentials)
            assert (response.status_code == 429) == refused, response.text


async def test_what_tries_a_password_is_strict_for_who_is_signed_in(
    limited: Limited, user: Account
) -> None:
    api = await limited(auth="2/minute")
    body = {"current_password": "wrong", "new_password": "several quite different words"}
    async with api.client() as client:
        await carrier.sign_in(client, **user.credentials)
        for _ in range(2):
            refused = await client.post(f"{ME}/change-password", json=body)
            assert_problem(refused, 403, "wrong_password")
        assert_limited(await client.post(f"{ME}/change-password", json=body))
        assert (await client.get(ME)).status_code == 200


@pytest.mark.parametrize("body", ["[]", "null", "{", '{"username": 1}', '{"username": "\\ud800"}'])
async def test_a_body_that_names_no_account_is_a_mistake_of_the_client(
    limited: Limited, body: str
) -> None:
    api = await limited()
    async with api.client() as client:
        response = await client.post(
            LOGIN, content=body, headers={"Content-Type": "application/json"}
        )
        assert_problem(response, 422, "validation_error")


async def test_probes_are_not_limited(limited: Limited) -> None:
    api = await limited(default="1/minute")
    async with api.client() as client:
        for path in ("/health", "/health/live", "/health/ready"):
            for _ in range(3):
                response = await client.get(path)
                assert response.status_code == 200
                assert not set(FIELDS) & set(response.headers)


async def test_a_browser_may_read_the_limits(environment: dict[str, str], valkey: Redis) -> None:
    await valkey.flushdb()
    site = "https://front.example.com"
    async with (
        running(load({**environment, "APP_CORS_ORIGINS": site})) as api,
        api.client() as client,
    ):
        response = await client.get(OPEN, headers={"Origin": site})
    exposed = response.headers["access-control-expose-headers"].lower().split(", ")
    assert {*FIELDS, "retry-after"} <= set(exposed)
