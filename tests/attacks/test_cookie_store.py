"""What Redis holds signs nobody in alone, whether it was emptied, turned back or stolen."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from httpx2 import Client, Response

from tests.attacks.carriers import API, Credentials
from tests.attacks.changes import change_email, change_password
from tests.attacks.cookies import CookieCredentials
from tests.attacks.people import Account, People, is_in, new_password
from tests.attacks.store import SESSIONS


@dataclass(frozen=True)
class Scene:
    """Somebody with two devices, who has reasons to end the first one, and an admin."""

    people: People
    account: Account
    first: Credentials
    second: Credentials
    admin: Credentials

    @property
    def here(self) -> Client:
        return self.people.deployment.here

    def post(self, path: str, body: object = None) -> Response:
        return self.here.post(f"{API}{path}", json=body, headers=self.first.headers)

    def manage(self, **changes: object) -> Response:
        path = f"{API}/users/{self.account.id}"
        return self.here.patch(path, json=changes, headers=self.admin.headers)

    def revoke(self) -> Response:
        path = f"{API}/auth/sessions/{self.people.session_id(self.first)}"
        return self.here.delete(path, headers=self.second.headers)

    def reset(self) -> Response:
        [token] = self.people.reset_tokens(self.account)
        body = {"token": token, "password": new_password()}
        nobody = self.people.carrier.nobody(self.here)
        return self.here.post(f"{API}/auth/reset-password", json=body, headers=nobody)

    def sign_in_too_often(self) -> Response:
        name, password = self.account.email, self.account.password
        log_in = self.people.carrier.log_in
        return [log_in(self.here, name, password) for _ in range(10)][-1]

    def sign_in_again(self) -> Response:
        body = {"username": self.account.email, "password": self.account.password}
        return self.post("/auth/login", body)


@pytest.fixture
def scene(people: People) -> Scene:
    account = people.register()
    first, second = people.sign_in(account), people.sign_in(account)
    return Scene(people, account, first, second, people.register_and_sign_in(admin=True)[1])


ENDINGS: dict[str, Callable[[Scene], Response]] = {
    "logout": lambda scene: scene.post("/auth/logout"),
    "logout-all": lambda scene: scene.post("/auth/logout-all"),
    "revoked": Scene.revoke,
    "new-password": lambda scene: change_password(
        scene.here, scene.first, scene.account.password, new_password()
    ),
    "new-address": lambda scene: change_email(
        scene.here, scene.first, scene.account.password, f"new-{scene.account.email}"
    ),
    "reset": Scene.reset,
    "new-role": lambda scene: scene.manage(role="admin"),
    "deactivated": lambda scene: scene.manage(is_active=False),
    "deleted": lambda scene: scene.here.delete(f"{API}/users/me", headers=scene.first.headers),
    "too-many": Scene.sign_in_too_often,
    "signed-in-again": Scene.sign_in_again,
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_a_backup_brings_nobody_back(end: Callable[[Scene], Response], scene: Scene) -> None:
    people, store = scene.people, scene.people.deployment.store
    backup = store.snapshot()
    answer = end(scene)
    assert answer.is_success, answer.text
    assert people.is_over(scene.first)
    store.redis.flushdb()
    store.restore(backup)
    assert set(store.keys(SESSIONS)) == backup.keys()
    assert people.is_over(scene.first)
    assert is_in(people.deployment.there, scene.admin)


def test_an_empty_redis_signs_everyone_out(scene: Scene) -> None:
    people, store = scene.people, scene.people.deployment.store
    assert is_in(people.deployment.there, scene.first)
    store.redis.flushdb()
    for credentials in (scene.first, scene.second, scene.admin):
        assert people.is_over(credentials)
    [(alive,)] = people.deployment.database.fetch(
        "SELECT count(*) FROM auth_sessions WHERE user_id = $1 AND revoked_at IS NULL",
        scene.account.id,
    )
    assert alive == 2
    assert is_in(people.deployment.there, people.sign_in(scene.account))


def test_an_entry_gives_no_session_to_somebody_else(people: People, scene: Scene) -> None:
    victim, session = people.register_and_sign_in()
    redis = people.deployment.store.redis
    assert isinstance(scene.first, CookieCredentials)
    [key] = [key for key, value in _entries(people) if people.session_id(scene.first) in value]
    kept = json.loads(dict(_entries(people))[key])
    for forged in (
        {"user_id": victim.id},
        {"session_id": people.session_id(session)},
        {"user_id": "%"},
        {"session_id": None},
    ):
        redis.set(key, json.dumps({**kept, **forged}))
        assert people.is_over(scene.first), forged
    for broken in ("", "null", "[]", '"text"', "{"):
        redis.set(key, broken)
        assert people.is_over(scene.first), broken
    redis.set(key, json.dumps(kept))
    assert is_in(people.deployment.there, scene.first)


def _entries(people: People) -> list[tuple[str, str]]:
    lines = people.deployment.store.text().splitlines()
    return [(key, value) for key, _, value in (line.partition(" ") for line in lines)]


def test_redis_holds_no_secret(scene: Scene) -> None:
    people, stored = scene.people, scene.people.deployment.store.text()
    assert scene.account.id in stored
    for credentials in (scene.first, scene.second, scene.admin):
        for secret in people.carrier.secrets(credentials):
            assert secret not in stored
    assert scene.account.email not in stored
