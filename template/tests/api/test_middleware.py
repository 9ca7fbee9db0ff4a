"""The order of the middleware, by what a client sees of it."""

import json
from typing import Any

import pytest
from dirty_equals import IsStr
from httpx2 import AsyncClient
from starlette.exceptions import HTTPException

from tests.fixtures import carrier, registration
from tests.fixtures.api import PASSWORD, Account, assert_problem, load, running
from tests.fixtures.database import Database

LIVE = "/health/live"
ME = "/api/v1/users/me"
LOGIN = "/api/v1/auth/login"
ORIGIN = "https://front.example.com"
CORS = {"APP_CORS_ORIGINS": ORIGIN, "APP_CORS_ALLOW_CREDENTIALS": "true"}
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": f"{carrier.HEADER.lower()},content-type",
}


@pytest.mark.parametrize("given", ["abcdefgh", "A-Z_0-9-", "a" * 64])
async def test_a_harmless_request_id_is_kept(client: AsyncClient, given: str) -> None:
    response = await client.get(LIVE, headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given", [None, "", "short", "a" * 65, "has space", "a.b.c.d.e", "abcdefgh\t", "ßbcdefghi"]
)
async def test_any_other_request_id_is_replaced(client: AsyncClient, given: str | None) -> None:
    headers = {} if given is None else {b"X-Request-ID": given.encode()}
    seen = [(await client.get(LIVE, headers=headers)).headers["x-request-id"] for _ in range(2)]
    assert seen == [IsStr(regex="[0-9a-f]{32}")] * 2
    assert seen[0] != seen[1]


@pytest.mark.parametrize("path", [LIVE, "/health", ME, "/nothing"])
async def test_every_answer_has_the_security_headers(client: AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers
    assert "server" not in headers


@pytest.mark.parametrize("path", [LIVE, "/health/ready", ME, "/nothing"])
async def test_head_answers_as_get_does_without_a_body(user_client: AsyncClient, path: str) -> None:
    got, head = await user_client.get(path), await user_client.head(path)
    assert head.status_code == got.status_code
    assert got.content
    assert head.content == b""
    for name in ("content-length", "content-type", "cache-control"):
        assert head.headers[name] == got.headers[name]


async def test_head_is_refused_where_there_is_no_get(user_client: AsyncClient) -> None:
    response = await user_client.head(LOGIN)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_production_asks_for_https_and_hides_its_documents(
    variables: dict[str, str],
) -> None:
    for environment, shown in [("production", 404), ("staging", 404), ("development", 200)]:
        settings = load(variables | registration.PRODUCTION | {"APP_ENVIRONMENT": environment})
        async with running(settings) as api, api.client() as client:
            headers = (await client.get(LIVE)).headers
            assert ("strict-transport-security" in headers) == (environment != "development")
            for path in ("/docs", "/redoc", "/openapi.json"):
                assert (await client.get(path)).status_code == shown
    changes = {"APP_ENVIRONMENT": "production", "APP_DOCS_ENABLED": "true"}
    settings = load(variables | registration.PRODUCTION | changes)
    async with running(settings) as api, api.client() as client:
        docs = await client.get("/docs")
        assert docs.status_code == 200
        assert "cdn.jsdelivr.net" in docs.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example.com", "localhost.evil.com", "", "a b", "x" * 300])
async def test_a_refused_host_is_a_problem_too(client: AsyncClient, host: str) -> None:
    for path in ("/health", ME, "/nothing"):
        response = await client.get(path, headers={"Host": host, "Origin": ORIGIN})
        assert_problem(response, 400, "bad_request")
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "LOCALHOST", "[::1]"])
async def test_a_host_of_the_list_is_served(client: AsyncClient, host: str) -> None:
    assert (await client.get("/health", headers={"Host": host})).status_code == 200


async def test_probes_may_come_by_any_name(client: AsyncClient) -> None:
    for path in (LIVE, "/health/ready"):
        response = await client.get(path, headers={"Host": "10.1.2.3:8000"})
        assert response.status_code == 200


async def test_a_site_of_the_list_may_call(environment: dict[str, str], user: Account) -> None:
    async with running(load(environment | CORS)) as api, api.client() as client:
        preflight = await client.options(LOGIN, headers=PREFLIGHT | {"Origin": ORIGIN})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        assert carrier.HEADER in preflight.headers["access-control-allow-headers"]

        headers = {"Origin": ORIGIN}
        refused = await client.get(ME, headers=headers)
        served = await client.post(LOGIN, json=user.credentials, headers=headers)
        oversized = await client.post(LOGIN, content=b" " * 2_000_000, headers=headers)
        assert [r.status_code for r in (served, refused, oversized)] == [200, 401, 413]
        for response in (served, refused, oversized):
            assert response.headers["access-control-allow-origin"] == ORIGIN
            assert response.headers["access-control-allow-credentials"] == "true"
            assert "x-request-id" in response.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://front.example.com"])
async def test_any_other_site_may_not(variables: dict[str, str], origin: str) -> None:
    async with running(load(variables | CORS)) as api, api.client() as client:
        preflight = await client.options(LOGIN, headers=PREFLIGHT | {"Origin": origin})
        assert_problem(preflight, 400, "bad_request")
        assert "access-control-allow-origin" not in preflight.headers
        response = await client.get(LIVE, headers={"Origin": origin})
        assert "access-control-allow-origin" not in response.headers


async def test_without_sites_no_site_may_call(client: AsyncClient) -> None:
    response = await client.get(LIVE, headers={"Origin": ORIGIN})
    assert "access-control-allow-origin" not in response.headers


async def test_large_answers_are_compressed_for_those_who_can(variables: dict[str, str]) -> None:
    settings = load(variables | {"APP_DOCS_ENABLED": "true"})
    async with running(settings) as api, api.client() as client:
        for encoding in ("gzip", "identity"):
            response = await client.get("/openapi.json", headers={"Accept-Encoding": encoding})
            assert response.headers.get("content-encoding", "identity") == encoding
            assert response.json()["openapi"].startswith("3.")
            assert "Accept-Encoding" in response.headers["vary"]
        small = await client.get(LIVE, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in small.headers


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        ("", "203.0.113.7", "198.51.100.1"),
        ("192.0.2.0/24", "203.0.113.7", "198.51.100.1"),
        ("198.51.100.1", "203.0.113.7", "203.0.113.7"),
        ("198.51.100.0/24", "203.0.113.7", "203.0.113.7"),
        ("198.51.100.1", "spoofed, 203.0.113.7", "203.0.113.7"),
        ("198.51.100.1", "10.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("198.51.100.1,10.0.0.0/8", "203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("198.51.100.1", None, "198.51.100.1"),
    ],
)
async def test_only_a_trusted_proxy_is_believed(
    environment: dict[str, str],
    user: Account,
    database: Database,
    trusted: str,
    forwarded: str | None,
    expected: str,
) -> None:
    settings = load(environment | {"APP_TRUSTED_PROXIES": trusted})
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    async with (
        running(settings) as api,
        api.client(address="198.51.100.1", headers=headers) as client,
    ):
        assert (await client.post(LOGIN, json=user.credentials)).status_code == 200
    assert await database.fetch("SELECT ip_address FROM auth_sessions") == [(expected,)]


def read_log(capture: pytest.CaptureFixture[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capture.readouterr().out.splitlines()]


async def test_each_request_is_one_line_of_the_log(
    environment: dict[str, str], user: Account, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    async with running(load(environment)) as api, api.client() as client:
        await carrier.sign_in(client, **user.credentials)
        me = await client.get(ME, params={"secret": PASSWORD})
        refused = await client.get("/health", headers={"Host": "evil"})
        capsysbinary.readouterr()
        responses = [
            await client.get(ME, params={"secret": PASSWORD}),
            await client.get("/health", headers={"Host": "evil"}),
            await client.get("/nothing"),
            await client.post(LOGIN, content=b" " * 2_000_000),
        ]
    lines = read_log(capsysbinary)

    assert (me.status_code, refused.status_code) == (200, 400)
    assert [line["request_id"] for line in lines] == [r.headers["x-request-id"] for r in responses]
    assert [line["status"] for line in lines] == [200, 400, 404, 413]
    assert [line["path"] for line in lines] == [ME, "/health", "/nothing", LOGIN]
    assert [line["user_id"] for line in lines] == [me.json()["id"], None, None, None]
    assert {line["client"] for line in lines} == {"127.0.0.1"}
    assert PASSWORD not in str(lines)


async def test_an_unforeseen_error_is_logged_with_its_trace_and_id(
    variables: dict[str, str], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    def fail() -> None:
        raise RuntimeError("the reason")

    async with (
        running(load(variables), lambda app: app.get("/fail", tags=["test"])(fail)) as api,
        api.client() as client,
    ):
        response = await client.get("/fail")
    error, access = read_log(capsysbinary)
    assert error["level"] == "error"
    assert error["exception"].endswith("RuntimeError: the reason")
    assert error["request_id"] == access["request_id"] == response.headers["x-request-id"]
    assert access["status"] == 500


async def test_an_error_after_the_answer_has_begun_is_not_hidden(
    variables: dict[str, str],
) -> None:
    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise RuntimeError("in the middle")

    async with (
        running(load(variables), lambda app: app.mount("/stream", stream)) as api,
        api.client() as client,
    ):
        with pytest.raises(RuntimeError, match="in the middle"):
            await client.get("/stream/x")
        assert (await client.get(LIVE)).status_code == 200


async def test_a_slash_at_the_end_changes_nothing(environment: dict[str, str]) -> None:
    settings = load(environment | {"APP_DOCS_ENABLED": "true"})
    async with running(settings) as api, api.client() as client:
        for path in ("/docs", "/health"):
            plain, slashed = await client.get(path), await client.get(f"{path}/")
            assert plain.status_code == slashed.status_code == 200
            policy = plain.headers["content-security-policy"]
            assert slashed.headers["content-security-policy"] == policy
        probe = await client.get(f"{LIVE}/", headers={"Host": "10.0.0.7"})
        assert probe.status_code == 200


async def test_a_method_that_is_not_there_is_told_of_those_that_are(client: AsyncClient) -> None:
    response = await client.put(ME)
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "DELETE, GET, PATCH"


async def test_a_log_line_may_hold_any_text(
    variables: dict[str, str], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    def fail() -> None:
        raise RuntimeError("half a pair: \ud800")

    async with (
        running(load(variables), lambda app: app.get("/fail", tags=["test"])(fail)) as api,
        api.client() as client,
    ):
        assert_problem(await client.get("/fail"), 500, "internal_error")
    assert "half a pair" in read_log(capsysbinary)[0]["exception"]


async def test_a_status_of_a_library_is_kept(variables: dict[str, str]) -> None:
    def refuse(status: int) -> None:
        raise HTTPException(status, "of a library")

    async with (
        running(load(variables), lambda app: app.get("/{status}", tags=["test"])(refuse)) as api,
        api.client() as client,
    ):
        for status, code in ((409, "conflict"), (418, "bad_request"), (502, "internal_error")):
            assert_problem(await client.get(f"/{status}"), status, code)
