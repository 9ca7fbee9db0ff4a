"""What two processes have to decide alike, asked of both at once."""

import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pyotp
import pytest

from tests.matrix.accounts import ADA, GRACE, credentials_of
from tests.matrix.environment import Environment
from tests.matrix.questions import Answers
from tests.matrix.renders import Renders
from tests.matrix.servers import MAIN, development_services, serving

pytestmark = pytest.mark.xdist_group("live")

LOGIN, ME, REGISTER = "/api/v1/auth/login", "/api/v1/users/me", "/api/v1/auth/register"
TOTP, VERIFY = f"{ME}/mfa/totp", "/api/v1/auth/mfa/verify"
ATTEMPTS = 10


@contextmanager
def both(
    answers: Answers,
    renders: Renders,
    environment: Environment,
    folder: Path,
    variables: Mapping[str, str],
) -> Iterator[list[httpx2.Client]]:
    """Run two processes of a render on the same services until the block ends."""
    project = folder / "project"
    shutil.copytree(renders.get(answers).path, project)
    command = ("-c", MAIN, "serve", "--host=127.0.0.1")
    with development_services(project, environment) as services, ExitStack() as stack:
        given = {**services, **variables}
        yield [
            stack.enter_context(serving(project, environment, *command, variables=given)).client
            for _ in range(2)
        ]


def in_turn(clients: list[httpx2.Client], count: int) -> list[httpx2.Client]:
    return [clients[number % 2] for number in range(count)]


def test_rate_limits_over_http(renders: Renders, environment: Environment, tmp_path: Path) -> None:
    limits = {"RATE_LIMIT_DEFAULT": "50/minute", "RATE_LIMIT_ACCOUNT": "3/minute"}
    with both({"preset": "starter"}, renders, environment, tmp_path, limits) as clients:
        assert clients[0].post(REGISTER, json=ADA).status_code == 201
        token = clients[1].post(LOGIN, json=credentials_of(ADA)).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}

        with ThreadPoolExecutor(24) as pool:
            calls = [
                pool.submit(client.get, ME, headers=bearer) for client in in_turn(clients, 120)
            ]
        answers = [call.result() for call in calls]
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(200), statuses.count(429)) == (50, 70)
        for answer in answers:
            assert answer.headers["RateLimit-Limit"] == "50"
            if answer.status_code == 429:
                assert answer.headers["RateLimit-Remaining"] == "0"
                assert 0 < int(answer.headers["Retry-After"]) <= 60
                assert answer.json()["code"] == "rate_limited"

        # Nobody's header makes another caller of them, and no other caller has used up their calls.
        elsewhere = {"X-Forwarded-For": "192.0.2.1"}
        for client in clients:
            assert client.get(ME, headers=bearer | elsewhere).status_code == 429
            assert client.get("/api/v1/auth/jwks.json").status_code == 200
            assert client.get("/health/ready").status_code == 200
        wrong = {**credentials_of(ADA), "password": "a wrong one"}
        tried = [client.post(LOGIN, json=wrong).status_code for client in in_turn(clients, 4)]
        assert tried == [401, 401, 429, 429]


def test_a_write_is_seen_in_the_other_process(
    renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    answers = {"preset": "minimal", "features": ["items", "cache"]}
    with both(answers, renders, environment, tmp_path, {}) as clients:
        people = []
        for person in (ADA, GRACE):
            assert clients[0].post(REGISTER, json=person).status_code == 201
            signed_in = clients[0].post(LOGIN, json=credentials_of(person)).json()
            people.append({"Authorization": f"Bearer {signed_in['access_token']}"})
        ada, grace = people
        for number in range(5):
            client = clients[number % 2]
            made = client.post("/api/v1/items", json={"title": f"Engine {number}"}, headers=ada)
            assert made.status_code == 201
            for path in ("/api/v1/items", "/api/v1/items/my"):
                for reader in in_turn(clients, 4):
                    listed = reader.get(path, headers=ada)
                    assert listed.json()["total"] == number + 1
        assert clients[1].get("/api/v1/items/my", headers=grace).json()["total"] == 0
        assert clients[1].get("/api/v1/cache/status", headers=grace).status_code == 403


def test_a_request_that_is_sent_again_takes_effect_once(
    renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    answers = {"preset": "minimal", "features": ["items", "idempotency"]}
    with both(answers, renders, environment, tmp_path, {}) as clients:
        assert clients[0].post(REGISTER, json=ADA).status_code == 201
        token = clients[1].post(LOGIN, json=credentials_of(ADA)).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        keyed = {**bearer, "Idempotency-Key": "0b31a7e2-order"}

        def create(client: httpx2.Client, headers: dict[str, str], title: str) -> httpx2.Response:
            return client.post("/api/v1/items", json={"title": title}, headers=headers)

        with ThreadPoolExecutor(20) as pool:
            calls = [pool.submit(create, each, keyed, "Engine") for each in in_turn(clients, 20)]
        answers_given = [call.result() for call in calls]
        assert {answer.status_code for answer in answers_given} <= {201, 409}
        made = {answer.json()["id"] for answer in answers_given if answer.status_code == 201}
        for client in clients:
            again = create(client, keyed, "Engine")
            assert (again.status_code, {again.json()["id"]}) == (201, made)
            assert create(client, keyed, "Another").status_code == 422
        assert clients[0].get("/api/v1/items", headers=bearer).json()["total"] == 1
        assert create(clients[0], bearer, "Engine").json()["id"] not in made


@pytest.mark.full
def test_a_second_factor_works_once(
    renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    answers = {"preset": "minimal", "features": ["mfa"]}
    # Else the attempts that have to fail would lock the account.
    patient = {"LOCKOUT_THRESHOLD": "1000"}
    with both(answers, renders, environment, tmp_path, patient) as clients:
        assert clients[0].post(REGISTER, json=ADA).status_code == 201
        token = clients[1].post(LOGIN, json=credentials_of(ADA)).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        begun = clients[0].post(TOTP, json={"password": ADA["password"]}, headers=bearer)
        app = pyotp.TOTP(begun.json()["secret"])
        confirmed = clients[1].post(f"{TOTP}/confirm", json={"code": app.now()}, headers=bearer)
        # The code of the half minute to come is accepted as well, and was not used yet.
        following = app.at(int(time.time()), counter_offset=1)
        for code in (following, confirmed.json()["recovery_codes"][0]):
            asked = [
                client.post(LOGIN, json=credentials_of(ADA))
                for client in in_turn(clients, ATTEMPTS)
            ]
            bodies = [{"challenge": answer.json()["challenge"], "code": code} for answer in asked]
            with ThreadPoolExecutor(ATTEMPTS) as pool:
                calls = [
                    pool.submit(client.post, VERIFY, json=body)
                    for client, body in zip(in_turn(clients, ATTEMPTS), bodies, strict=True)
                ]
            statuses = sorted(call.result().status_code for call in calls)
            assert statuses == [200] + [401] * (ATTEMPTS - 1)
