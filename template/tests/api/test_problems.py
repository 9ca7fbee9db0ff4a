"""Whatever goes wrong: one shape, and nothing in it that the client sent or must not know."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.repositories.users import UserRepository
from tests.fixtures import carrier, registration
from tests.fixtures.api import PASSWORD, Account, assert_problem, load, running
from tests.fixtures.database import Database

LOGIN = "/api/v1/auth/login"
REGISTER = "/api/v1/auth/register"
ME = "/api/v1/users/me"
BODIES: dict[str, dict[str, Any]] = {
    LOGIN: {"username": "ada", "password": PASSWORD},
    REGISTER: registration.BODY,
    **carrier.BODIES,
}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def broken(user_client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> AsyncClient:
    """A client whose every change of its account runs into a fault of the program."""

    async def update(*_: object) -> None:
        raise RuntimeError(f"SELECT secret FROM /srv/app for {PASSWORD}")

    monkeypatch.setattr(UserRepository, "update", update)
    return user_client


async def test_an_unforeseen_error_tells_nothing(broken: AsyncClient) -> None:
    response = await broken.patch(ME, json={"full_name": "Ada"}, headers={"X-Request-ID": "a" * 8})

    problem = assert_problem(response, 500, "internal_error")
    assert problem["detail"] == "Internal server error"
    assert problem["request_id"] == "a" * 8
    assert "trace" not in problem
    assert (await broken.get(ME)).status_code == 200


async def test_in_debug_mode_an_unforeseen_error_shows_its_trace(
    variables: dict[str, str],
) -> None:
    def fail() -> None:
        raise RuntimeError("the reason")

    for debug in ("true", "false"):
        debugging = load(variables | {"APP_DEBUG": debug})
        async with (
            running(debugging, lambda app: app.get("/fail", tags=["test"])(fail)) as api,
            api.client() as client,
        ):
            problem = assert_problem(await client.get("/fail"), 500, "internal_error")
            assert ("the reason" in "".join(problem.get("trace", ""))) == (debug == "true")


async def test_an_unknown_path_is_404(client: AsyncClient) -> None:
    for path in ("/nothing", "/api/v1/nothing", "/api/v1/users/", "/api/v2/users/me"):
        response = await client.get(path)
        if path == "/api/v1/users/":
            assert_problem(response, 401, "not_authenticated")
        else:
            assert_problem(response, 404, "not_found")


async def test_another_method_is_405_and_the_right_one_is_told(client: AsyncClient) -> None:
    response = await client.delete(LOGIN)
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"
    response = await client.put("/health/live")
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/xml", "x", "multipart/"])
async def test_a_body_of_another_type_is_415(
    client: AsyncClient, path: str, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    content = json.dumps(BODIES[path]).encode()
    response = await client.post(path, content=content, headers=headers)
    assert_problem(response, 415, "unsupported_media_type")
    response = await client.post(path, content=content, headers=JSON)
    assert response.status_code != 415


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"NaN",
        b'{"a": NaN}',
        b'{"username": Infinity, "password": -Infinity}',
        b'{"username": "\xff\xfe", "password": "x"}',
        b"\xff\xfe{}",
        b"\x00",
        b'{"username":' + b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"username": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda content: repr(content[:24]),
)
async def test_a_body_that_is_no_document_is_refused(
    client: AsyncClient, path: str, content: bytes
) -> None:
    response = await client.post(path, content=content, headers=JSON)
    assert response.status_code in {400, 422}
    assert_problem(response, response.status_code, response.json()["code"])
    assert response.json()["code"] in {"bad_request", "validation_error"}


@pytest.mark.parametrize(
    "value",
    ["\x00", "a\x00b", "\x1f", "\ud800", "a\udfff" * 12, 1, 1.5, True, [], {}, None, "a" * 5000],
    ids=lambda value: repr(value)[:16],
)
@pytest.mark.parametrize(
    ("path", "member"),
    [
        (LOGIN, "username"),
        (LOGIN, "password"),
        (REGISTER, "email"),
        (REGISTER, "password"),
        *((path, member) for path, body in carrier.BODIES.items() for member in body),
        (LOGIN, "unknown"),
        (REGISTER, "username\x00"),
    ],
)
async def test_a_hostile_value_is_never_a_500(
    client: AsyncClient, path: str, member: str, value: object
) -> None:
    content = json.dumps(BODIES[path] | {member: value}).encode()
    response = await client.post(path, content=content, headers=JSON)
    assert 400 <= response.status_code < 500
    problem = assert_problem(response, response.status_code, response.json()["code"])
    assert PASSWORD not in response.text
    if response.status_code == 422:
        assert all(error["pointer"].startswith("#/") for error in problem["errors"])


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


async def test_a_body_over_the_limit_is_413_sized_or_chunked(
    client: AsyncClient, environment: dict[str, str]
) -> None:
    limit = 1_048_576
    sized = await client.post(LOGIN, content=b" " * (limit + 1), headers=JSON)
    assert_problem(sized, 413, "payload_too_large")
    chunked = await client.post(LOGIN, content=chunks(limit + 1024), headers=JSON)
    assert_problem(chunked, 413, "payload_too_large")
    for content in (b" " * limit, chunks(limit)):
        within = await client.post(LOGIN, content=content, headers=JSON)
        assert_problem(within, 422, "validation_error")


async def test_a_wrong_length_is_no_way_around_the_limit(variables: dict[str, str]) -> None:
    small = load(variables | {"APP_MAX_BODY_BYTES": "1024"})
    async with running(small) as api, api.client() as client:
        for length in ("-1", "x", "1"):
            headers = JSON | {"Content-Length": length}
            response = await client.post(LOGIN, content=b" " * 2000, headers=headers)
            assert_problem(response, 413, "payload_too_large")


@pytest.mark.parametrize("path", ["/api/v1/\x00", "/%00", "/api/v1/%ff", "/a\ud7ff", "//x"])
async def test_a_hostile_path_is_not_found(client: AsyncClient, path: str) -> None:
    response = await client.get(f"http://localhost{path}".replace("\x00", "%00"))
    assert response.status_code == 404
    assert response.json()["request_id"] == response.headers["x-request-id"]


TEXT = st.text(st.characters(codec=None), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
MEMBERS = st.sampled_from(sorted({member for body in BODIES.values() for member in body}))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(path=st.sampled_from(sorted(BODIES)), changes=st.dictionaries(MEMBERS | TEXT, VALUES))
async def test_no_document_is_a_500(
    client: AsyncClient, path: str, changes: dict[str, Any]
) -> None:
    content = json.dumps(BODIES[path] | changes).encode()
    response: Response = await client.post(path, content=content, headers=JSON)
    assert response.status_code in {200, registration.REGISTERED, 400, 401, 409, 422}, content
    if response.status_code >= 400:
        assert_problem(response, response.status_code, response.json()["code"])


REFUSE_COMMIT = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'not at the commit'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON users
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()
"""


async def test_a_commit_that_fails_is_never_a_success(
    client: AsyncClient, database: Database
) -> None:
    await database.execute(REFUSE_COMMIT)
    try:
        response = await client.post(REGISTER, json=BODIES[REGISTER])
        assert_problem(response, 500, "internal_error")
        assert await database.count("users") == 0
    finally:
        await database.execute("DROP FUNCTION refuse() CASCADE")
    response = await client.post(REGISTER, json=BODIES[REGISTER])
    assert response.status_code == registration.REGISTERED


@pytest.mark.parametrize("kind", ["development", "test"])
async def test_no_password_is_logged_or_answered(
    environment: dict[str, str],
    database: Database,
    capsysbinary: pytest.CaptureFixture[bytes],
    kind: str,
) -> None:
    variables = {"APP_ENVIRONMENT": kind, "APP_DEBUG": "true", "APP_LOG_LEVEL": "DEBUG"}
    answers = []
    async with running(load(environment | variables)) as api, api.client() as client:

        async def send(path: str, **body: object) -> Response:
            response = await client.post(path, content=json.dumps(body), headers=JSON)
            answers.append(response.text)
            return response

        account = Account("new@example.com")
        for expected in (registration.REGISTERED, registration.REPEATED):
            response = await send(REGISTER, email=account.email, password=PASSWORD)
            assert response.status_code == expected
        assert (await send(REGISTER, email="x", password=PASSWORD)).status_code == 422
        assert (await send(REGISTER, email=PASSWORD, password=PASSWORD)).status_code == 422
        assert (await send(REGISTER, password=[PASSWORD])).status_code == 422
        assert (await send(REGISTER, email="", password=PASSWORD + "\ud800")).status_code == 422
        await database.execute("UPDATE users SET email_verified_at = now()")
        assert (await send(LOGIN, **account.credentials)).status_code == 200
        assert (await send(LOGIN, username="x", password=PASSWORD)).status_code == 401
        assert (await client.get("/nothing", params={"password": PASSWORD})).status_code == 404
        await database.execute(
            "ALTER TABLE users ADD CONSTRAINT refused CHECK (email = '') NOT VALID"
        )
        try:
            # PostgreSQL tells which row it refused, with all that is in it.
            refused = await send(REGISTER, email="two@example.com", password=PASSWORD)
            assert refused.status_code == 500
        finally:
            await database.execute("ALTER TABLE users DROP CONSTRAINT refused")
    log = capsysbinary.readouterr().out.decode()
    assert log.count("/api/v1/auth/register") == 7
    assert "unhandled error" in log
    secrets = {PASSWORD, "$argon2", "$2b$", environment["DATABASE_URL"].split(":")[2].split("@")[0]}
    for secret in secrets:
        assert secret not in log
        assert secret not in "".join(answers)
