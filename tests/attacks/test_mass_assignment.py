"""Members that a client may not send change nothing, however they are sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest
from httpx2 import Client, Response

from tests.attacks.carriers import API, Credentials
from tests.attacks.database import Row
from tests.attacks.deployment import Deployment
from tests.attacks.people import Account, People, new_password, refusal

INVALID = (422, "validation_error")
LONG_AGO = "2001-01-01T00:00:00Z"
PROTECTED: Mapping[str, object] = {
    "id": str(uuid4()),
    "role": "admin",
    "is_active": False,
    "is_admin": True,
    "is_superuser": True,
    "email_key": "root@example.com",
    "username_key": "root",
    "email_verified_at": LONG_AGO,
    "hashed_password": "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2g",
    "password_changed_at": LONG_AGO,
    "created_at": LONG_AGO,
    "updated_at": LONG_AGO,
    "deleted_at": LONG_AGO,
    "sessions": [],
    "__class__": "User",
    "Role": "admin",
}
SHAPES: Mapping[str, object] = {
    **{name: {name: value} for name, value in PROTECTED.items()},
    "all": PROTECTED,
    "nested": {"user": {"role": "admin"}},
    "nested-deeper": {"user": {"data": {"attributes": {"role": "admin"}}}},
    "dotted": {"user.role": "admin"},
    "bracketed": {"user[role]": "admin"},
    "in-a-name": {"full_name": {"role": "admin"}},
    "in-a-list": {"full_name": ["Ada", {"role": "admin"}]},
    "null": {"role": None},
}


@dataclass(frozen=True)
class Victim:
    """An account whose row must stay as it is."""

    deployment: Deployment
    account: Account
    session: Credentials

    def row(self) -> list[Row]:
        return self.deployment.database.fetch(
            "SELECT u::text FROM users u WHERE id = $1", self.account.id
        )

    def patch(self, path: str, body: bytes) -> Response:
        headers = {**self.session.headers, "Content-Type": "application/json"}
        return self.deployment.here.patch(f"{API}{path}", content=body, headers=headers)


@pytest.fixture
def victim(people: People) -> Victim:
    account, session = people.register_and_sign_in()
    return Victim(people.deployment, account, session)


def count(deployment: Deployment) -> list[Row]:
    return deployment.database.fetch("SELECT count(*) FROM users")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_registration_sets_no_other_member(
    shape: dict[str, object], people: People, here: Client
) -> None:
    name = f"u{uuid4().hex[:12]}"
    body = {"email": f"{name}@example.com", "username": name, "password": new_password()}
    nobody = people.carrier.nobody(here)
    before = count(people.deployment)
    answer = here.post(f"{API}/auth/register", json={**body, **shape}, headers=nobody)
    assert refusal(answer) == INVALID
    assert count(people.deployment) == before
    allowed = here.post(f"{API}/auth/register", json=body, headers=nobody)
    assert (allowed.status_code, allowed.json()["role"]) == (201, "user")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_an_owner_sets_no_other_member(shape: dict[str, object], victim: Victim) -> None:
    before = victim.row()
    body = json.dumps({"full_name": "Ada", **shape}).encode()
    assert refusal(victim.patch("/users/me", body)) == INVALID
    assert victim.row() == before
    assert victim.patch("/users/me", b'{"full_name": "Ada"}').status_code == 200
    assert victim.row() != before


@pytest.mark.parametrize(
    "body",
    [
        b'{"full_name": "Ada", "role": "admin", "full_name": "Grace"}',
        b'{"role": "user", "role": "admin"}',
        b'{"full_name": "Ada", "r\\u006fle": "admin"}',
        b'{"full_name": "Ada", "role\\u0000": "admin"}',
        b'[{"role": "admin"}]',
        b'{"full_name": "Ada"} {"role": "admin"}',
        b'"role=admin"',
    ],
)
def test_no_spelling_of_a_body_sets_a_role(body: bytes, victim: Victim) -> None:
    before = victim.row()
    assert refusal(victim.patch("/users/me", body)) == INVALID
    assert victim.row() == before
    allowed = victim.patch("/users/me", b'{"full_name": "Ada", "full_name": "Grace"}')
    assert (allowed.status_code, allowed.json()["role"]) == (200, "user")


def test_a_query_and_a_form_set_nothing(victim: Victim) -> None:
    assert victim.patch("/users/me?role=admin", b"{}").status_code in {200, 422}
    form = victim.deployment.here.patch(
        f"{API}/users/me", data={"role": "admin"}, headers=victim.session.headers
    )
    assert form.status_code in {415, 422}
    [(role,)] = victim.deployment.database.fetch(
        "SELECT role FROM users WHERE id = $1", victim.account.id
    )
    assert role == "user"


@pytest.mark.parametrize("member", PROTECTED)
def test_a_user_by_id_sets_no_other_member(member: str, victim: Victim) -> None:
    before = victim.row()
    path = f"/users/{victim.account.id}"
    expected = (403, "forbidden") if member in {"role", "is_active"} else INVALID
    answer = victim.patch(path, json.dumps({member: PROTECTED[member]}).encode())
    assert refusal(answer) == expected
    assert victim.row() == before
    assert victim.patch(path, b'{"full_name": "Ada"}').status_code == 200
    assert victim.row() != before


@pytest.mark.parametrize("member", sorted(PROTECTED.keys() - {"role", "is_active"}))
def test_an_admin_sets_no_other_member(member: str, people: People, victim: Victim) -> None:
    _, admin = people.register_and_sign_in(admin=True)
    path, before = f"{API}/users/{victim.account.id}", victim.row()
    body = {"role": "admin", member: PROTECTED[member]}
    answer = victim.deployment.there.patch(path, json=body, headers=admin.headers)
    assert refusal(answer) == INVALID
    assert victim.row() == before
    allowed = victim.deployment.there.patch(path, json={"role": "admin"}, headers=admin.headers)
    assert (allowed.status_code, allowed.json()["role"]) == (200, "admin")


@pytest.mark.parametrize("role", ["root", "", "ad min", "Admin", "*", "user,admin", ["admin"], 1])
def test_an_admin_sets_no_role_that_does_not_exist(
    role: object, people: People, victim: Victim
) -> None:
    _, admin = people.register_and_sign_in(admin=True)
    path, before = f"{API}/users/{victim.account.id}", victim.row()
    answer = victim.deployment.here.patch(path, json={"role": role}, headers=admin.headers)
    assert refusal(answer) == INVALID
    assert victim.row() == before


@pytest.mark.parametrize("member", ["id", "owner_id", "owner", "created_at"])
def test_an_item_has_the_owner_that_made_it(member: str, people: People, victim: Victim) -> None:
    _, other = people.register_and_sign_in()
    here = victim.deployment.here
    body: dict[str, object] = {"title": "Engine"}
    forged = {**body, member: victim.account.id if "owner" in member else LONG_AGO}
    created = here.post(f"{API}/items", json=body, headers=other.headers)
    assert created.status_code == 201
    path = f"{API}/items/{created.json()['id']}"
    assert refusal(here.post(f"{API}/items", json=forged, headers=other.headers)) == INVALID
    assert refusal(here.patch(path, json=forged, headers=other.headers)) == INVALID
    theirs = here.get(f"{API}/items/my", headers=victim.session.headers).json()
    assert theirs["total"] == 0
    assert here.get(path, headers=victim.session.headers).json() == created.json()
