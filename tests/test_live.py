"""Each preset, running: its own tests, and the server over HTTP, on an embedded PostgreSQL."""

import re
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pyotp
import pytest

from tests.matrix.accounts import ADA, GRACE, credentials_of, csrf
from tests.matrix.environment import Environment
from tests.matrix.identity_provider import consent, identity_provider
from tests.matrix.questions import Answers
from tests.matrix.renders import Renders
from tests.matrix.rows import PRESETS
from tests.matrix.servers import PATIENCE, Server, development_server

# Each preset, and the choices that no preset makes and that the program depends on.
TESTED: list[Answers] = [
    *({"preset": preset} for preset in PRESETS),
    {"preset": "minimal", "password_hash": "bcrypt"},
    {
        "preset": "sessions",
        "email": "resend",
        "oauth_providers": ["google", "github"],
        "features": ["rate_limit", "cache", "audit_log", "mfa", "idempotency", "resilience"],
    },
]
# On each push; what others have beyond these takes minutes, and is tried with all that takes long.
PUSHED: list[Answers] = [{"preset": name} for name in ("starter", "sessions", "everything")]

pytestmark = pytest.mark.xdist_group("live")


@contextmanager
def running(
    preset: str,
    renders: Renders,
    environment: Environment,
    folder: Path,
    *,
    variables: Mapping[str, str] | None = None,
    **answers: object,
) -> Iterator[Server]:
    """Run a copy of a preset, with other answers where it is given some, until the block ends."""
    project = folder / preset
    shutil.copytree(renders.get({"preset": preset, **answers}).path, project)
    with development_server(project, environment, variables) as server:
        yield server


def _server_of(preset: str) -> object:
    """Make the fixture of a preset that runs for all tests of this file."""

    @pytest.fixture(scope="module")
    def server(
        renders: Renders, environment: Environment, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Server]:
        with running(preset, renders, environment, tmp_path_factory.mktemp("live")) as server:
            yield server

    return server


starter_server = _server_of("starter")
sessions_server = _server_of("sessions")
everything_server = _server_of("everything")


def token_mailed_to(server: Server, address: str, page: str) -> str:
    """Return the token of the newest mail to an address, which a developer sees on the console."""
    pattern = rf"To: {re.escape(address)}\n(?:(?!\nTo: ).)*?/{page}#token=(\S+)"
    deadline = time.monotonic() + PATIENCE
    while not (found := re.findall(pattern, server.log.read_text(), re.DOTALL)):
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.1)
    token: str = found[-1]
    return token


def sign_in(server: Server, person: dict[str, str]) -> dict[str, str]:
    """Register a person unless that has been done, and return the headers that are theirs."""
    server.client.post("/api/v1/auth/register", json=person)
    answer = server.client.post("/api/v1/auth/login", json=credentials_of(person))
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def _suites() -> Iterator[object]:
    for answers in TESTED:
        parts = ([answer] if isinstance(answer, str) else answer for answer in answers.values())
        marks = () if answers in PUSHED else (pytest.mark.full,)
        yield pytest.param(answers, marks=marks, id="-".join(chain.from_iterable(parts)))


@pytest.mark.parametrize("answers", list(_suites()))
def test_own_tests(
    answers: Answers, renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(renders.get(answers).path, project)
    result = environment.run("python", "-m", "pytest", "-q", "-n", "2", cwd=project)
    assert result.returncode == 0, result.stdout + result.stderr


def test_health_over_http(starter_server: Server) -> None:
    for path in ("/health", "/health/live", "/health/ready", "/openapi.json"):
        assert starter_server.client.get(path).status_code == 200


def test_accounts_over_http(starter_server: Server) -> None:
    answer = starter_server.client.post("/api/v1/auth/register", json=ADA)
    assert answer.status_code == 201, answer.text
    assert ADA["password"] not in answer.text
    me = starter_server.client.get("/api/v1/users/me", headers=sign_in(starter_server, ADA))
    assert me.json()["email"] == ADA["email"]
    stranger = starter_server.client.get("/api/v1/users/me")
    assert stranger.status_code == 401
    assert stranger.headers["Content-Type"] == "application/problem+json"


def test_sessions_over_http(sessions_server: Server) -> None:
    client = sessions_server.client
    register, login = "/api/v1/auth/register", "/api/v1/auth/login"
    refused = client.post(register, json=ADA)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    assert client.post(register, json=ADA, headers=csrf(client)).status_code == 201
    assert client.post(login, json=credentials_of(ADA)).status_code == 403
    signed_in = client.post(login, json=credentials_of(ADA), headers=csrf(client))
    assert signed_in.json()["user"]["email"] == ADA["email"]
    assert client.get("/api/v1/users/me").json()["email"] == ADA["email"]
    assert client.get("/health").json()["checks"] == {"database": "ok", "redis": "ok"}
    out = client.post("/api/v1/auth/logout", headers=csrf(client))
    assert out.status_code == 204
    assert client.get("/api/v1/users/me").status_code == 401


def test_mail_over_http(everything_server: Server) -> None:
    client = everything_server.client
    answers = [client.post("/api/v1/auth/register", json=ADA) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    early = client.post("/api/v1/auth/login", json=credentials_of(ADA))
    assert (early.status_code, early.json()["code"]) == (403, "email_not_verified")
    token = token_mailed_to(everything_server, ADA["email"], "verify-email")
    verified = [client.post("/api/v1/auth/verify-email", json={"token": token}) for _ in range(2)]
    assert [answer.status_code for answer in verified] == [204, 401]
    assert client.post("/api/v1/auth/login", json=credentials_of(ADA)).status_code == 200

    forgot = client.post("/api/v1/auth/forgot-password", json={"email": ADA["email"]})
    assert forgot.status_code == 202
    token = token_mailed_to(everything_server, ADA["email"], "reset-password")
    body = {"token": token, "password": GRACE["password"]}
    assert client.post("/api/v1/auth/reset-password", json=body).status_code == 204
    assert client.post("/api/v1/auth/login", json=credentials_of(ADA)).status_code == 401
    changed = ADA | {"password": GRACE["password"]}
    assert client.post("/api/v1/auth/login", json=credentials_of(changed)).status_code == 200


def test_items_over_http(starter_server: Server) -> None:
    client, owner = starter_server.client, sign_in(starter_server, ADA)
    created = client.post("/api/v1/items", json={"title": "Engine"}, headers=owner)
    assert created.status_code == 201, created.text
    path = f"/api/v1/items/{created.json()['id']}"
    assert client.get(path).status_code == 401
    other = sign_in(starter_server, GRACE)
    assert client.patch(path, json={"title": "Mine"}, headers=other).status_code == 403
    assert client.get("/api/v1/items?q=", headers=owner).status_code == 422
    listed = client.get("/api/v1/items", headers=owner).json()
    assert [item["title"] for item in listed["items"]] == ["Engine"]
    assert client.delete(path, headers=owner).status_code == 204
    assert client.get(path, headers=owner).status_code == 404


def test_audit_log_over_http(renders: Renders, environment: Environment, tmp_path: Path) -> None:
    with running("minimal", renders, environment, tmp_path, features=["audit_log"]) as server:
        ada = sign_in(server, ADA)
        wrong = {**credentials_of(ADA), "password": "a wrong one"}
        assert server.client.post("/api/v1/auth/login", json=wrong).status_code == 401
        assert server.client.get("/api/v1/audit-logs").status_code == 401
        assert server.client.get("/api/v1/audit-logs", headers=ada).status_code == 403
        user_id = server.client.get("/api/v1/users/me", headers=ada).json()["id"]
        admin = sign_in(server, admin_of(server))
        params = {"target_id": user_id, "cursor": ""}
        found = server.client.get("/api/v1/audit-logs", params=params, headers=admin).json()
        actions = [(row["action"], row["actor_id"]) for row in found["items"]]
        assert actions == [
            ("login_failed", None),
            ("login_succeeded", user_id),
            ("user_registered", user_id),
        ]


def test_social_login_over_http(renders: Renders, environment: Environment, tmp_path: Path) -> None:
    with identity_provider(environment, tmp_path) as issuer:
        variables = {
            "OAUTH_GOOGLE_CLIENT_ID": "my-api",
            "OAUTH_GOOGLE_CLIENT_SECRET": "hunter2",
            "OAUTH_GOOGLE_ISSUER": issuer,
            "OAUTH_GITHUB_CLIENT_ID": "my-api",
        }
        providers = ["google", "github"]
        with running(
            "minimal",
            renders,
            environment,
            tmp_path,
            variables=variables,
            oauth_providers=providers,
        ) as server:
            client, oauth = server.client, "/api/v1/oauth"
            listed = client.get(f"{oauth}/providers").json()["items"]
            assert sorted(item["name"] for item in listed) == sorted(providers)
            elsewhere = client.get(f"{oauth}/github/initiate").headers["location"]
            assert elsewhere.startswith("https://github.com/login/oauth/authorize?")

            begun = client.get(f"{oauth}/google/initiate", params={"next": "/account"})
            callback = urlsplit(consent(begun.headers["location"]))
            answers = [client.get(f"{callback.path}?{callback.query}") for _ in range(2)]
            assert [answer.status_code for answer in answers] == [302, 400]
            landing = urlsplit(answers[0].headers["location"])
            handed = parse_qs(landing.fragment)
            assert (landing.path, handed["next"]) == ("/oauth/callback", ["/account"])
            body = {"code": handed["code"][0]}
            signed_in = [client.post(f"{oauth}/exchange", json=body) for _ in range(2)]
            assert [answer.status_code for answer in signed_in] == [200, 401]
            bearer = {"Authorization": f"Bearer {signed_in[0].json()['access_token']}"}
            assert client.get("/api/v1/users/me", headers=bearer).json()["email"] == ADA["email"]
            linked = client.get("/api/v1/users/me/identities", headers=bearer).json()["items"]
            assert [identity["provider"] for identity in linked] == ["google"]


@pytest.mark.parametrize("preset", ["minimal", "sessions"])
def test_mfa_over_http(
    preset: str, renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    login, totp = "/api/v1/auth/login", "/api/v1/users/me/mfa/totp"
    with running(preset, renders, environment, tmp_path, features=["mfa"]) as server:

        def post(path: str, **body: str) -> httpx2.Response:
            proof = csrf(server.client) if preset == "sessions" else {}
            return server.client.post(path, json=body, headers=proof)

        assert post("/api/v1/auth/register", **ADA).status_code == 201
        signed_in = post(login, **credentials_of(ADA)).json()
        if preset == "minimal":
            server.client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        app = pyotp.TOTP(post(totp, password=ADA["password"]).json()["secret"])
        spent = app.now()
        codes = post(f"{totp}/confirm", code=spent).json()["recovery_codes"]
        assert len(codes) == 10
        server.client.headers.pop("Authorization", None)
        server.client.cookies.clear()

        asked = post(login, **credentials_of(ADA))
        assert (asked.status_code, asked.json()["code"]) == (401, "mfa_required")
        challenge = asked.json()["challenge"]
        used = post("/api/v1/auth/mfa/verify", challenge=challenge, code=spent)
        assert (used.status_code, used.json()["code"]) == (401, "mfa_code_invalid")
        ended = post("/api/v1/auth/mfa/verify", challenge=challenge, code=codes[0])
        assert ended.json().keys() == signed_in.keys()
        again = post("/api/v1/auth/mfa/verify", challenge=challenge, code=codes[1])
        assert again.status_code == 401


def admin_of(server: Server) -> dict[str, str]:
    """Return the credentials of the development admin, as they are shown."""
    email, password = (server.project / ".dev" / "credentials").read_text().split()
    return {"email": email, "password": password}


def test_admin_signs_in_with_the_credentials_shown(starter_server: Server) -> None:
    credentials = starter_server.project / ".dev" / "credentials"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    person = admin_of(starter_server)
    admin = sign_in(starter_server, person)
    assert starter_server.client.get("/api/v1/users", headers=admin).status_code == 200
    shown = re.sub(r"\s", "", starter_server.log.read_text())
    assert person["email"] in shown
    assert person["password"] in shown


@pytest.mark.parametrize("preset", PRESETS)
def test_ctrl_c_stops_everything(
    preset: str, renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    with running(preset, renders, environment, tmp_path) as server:
        assert server.client.get("/health/ready").is_success
        assert server.stop() == 0
    assert not (server.project / ".dev" / "env").exists()
    assert not (server.project / ".dev" / "postgres" / "postmaster.pid").exists()
