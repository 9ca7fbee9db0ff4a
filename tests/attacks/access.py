"""Who gets which answer from every route, where all that a path names belongs to one owner."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args
from uuid import uuid4

from tests.attacks import kinds
from tests.attacks.carriers import API, Credentials, TokenCredentials
from tests.attacks.people import Account, People, new_password

Role = Literal["anonymous", "other", "admin", "owner"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Actor:
    account: Account
    session: Credentials


@dataclass(frozen=True)
class Scene:
    """An owner with a device, an item and another device, and who would like to have them."""

    owner: Actor
    other: Actor
    admin: Actor
    item_id: str
    session_id: str

    @classmethod
    def make(cls, people: People) -> "Scene":
        owner, other = (Actor(*people.register_and_sign_in()) for _ in range(2))
        # Two, since the last one can neither leave nor be sent away.
        admin, _ = (Actor(*people.register_and_sign_in(admin=True)) for _ in range(2))
        answer = people.deployment.here.post(
            f"{API}/items", json={"title": "Engine"}, headers=owner.session.headers
        )
        assert answer.status_code == 201, answer.text
        device = people.sign_in(owner.account)
        return cls(owner, other, admin, answer.json()["id"], people.session_id(device))

    def actor(self, role: Role) -> Actor | None:
        return {"owner": self.owner, "other": self.other, "admin": self.admin}.get(role)

    def path(self, template: str) -> str:
        return template.format(
            user_id=self.owner.account.id,
            item_id=self.item_id,
            session_id=self.session_id,
            key="items",
        )


Body = Callable[[Scene, Actor | None], Mapping[str, object]]


@dataclass(frozen=True)
class Access:
    """The status for each role, in the order of `ROLES`, and whose request changes a row."""

    statuses: tuple[int, int, int, int]
    body: Body | None = None
    changes: frozenset[Role] = field(default=frozenset())

    def status(self, role: Role) -> int:
        return self.statuses[ROLES.index(role)]


def _own_password(actor: Actor | None) -> str:
    return actor.account.password if actor else new_password()


def _register(_: Scene, __: Actor | None) -> Mapping[str, object]:
    return {"email": f"{uuid4().hex}@example.com", "password": new_password()}


def _log_in(scene: Scene, _: Actor | None) -> Mapping[str, object]:
    return {"username": scene.owner.account.email, "password": scene.owner.account.password}


def _refresh(scene: Scene, _: Actor | None) -> Mapping[str, object]:
    assert isinstance(scene.owner.session, TokenCredentials)
    return {"refresh_token": scene.owner.session.refresh_token}


def _reset(_: Scene, __: Actor | None) -> Mapping[str, object]:
    return {"token": "0" * 64, "password": new_password()}


def _change_password(_: Scene, actor: Actor | None) -> Mapping[str, object]:
    return {"current_password": _own_password(actor), "new_password": new_password()}


def _change_email(_: Scene, actor: Actor | None) -> Mapping[str, object]:
    return {"email": f"{uuid4().hex}@example.com", "password": _own_password(actor)}


def _name(_: Scene, __: Actor | None) -> Mapping[str, object]:
    return {"full_name": "Grace Hopper"}


def _title(_: Scene, __: Actor | None) -> Mapping[str, object]:
    return {"title": "Difference engine"}


EVERYONE = frozenset(ROLES)
OWNER: frozenset[Role] = frozenset({"owner"})
OWNER_AND_ADMIN: frozenset[Role] = frozenset({"owner", "admin"})
PUBLIC = Access((200, 200, 200, 200))
SIGNED_IN = Access((401, 200, 200, 200))

# Columns: nobody, another user, an admin, the owner.
CORE: dict[str, Access] = {
    "GET /health": PUBLIC,
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    "POST /api/v1/auth/register": Access((201, 201, 201, 201), _register),
    "POST /api/v1/auth/login": Access((200, 200, 200, 200), _log_in, EVERYONE),
    "POST /api/v1/auth/logout": Access((401, 204, 204, 204), None, OWNER),
    "POST /api/v1/auth/logout-all": Access((401, 204, 204, 204), None, OWNER),
    "GET /api/v1/auth/sessions": SIGNED_IN,
    "DELETE /api/v1/auth/sessions/{session_id}": Access((401, 404, 404, 204), None, OWNER),
    "POST /api/v1/auth/reset-password": Access((401, 401, 401, 401), _reset),
    "GET /api/v1/users": Access((401, 403, 200, 403)),
    "GET /api/v1/users/me": SIGNED_IN,
    "PATCH /api/v1/users/me": Access((401, 200, 200, 200), _name, OWNER),
    "DELETE /api/v1/users/me": Access((401, 204, 204, 204), None, OWNER),
    "POST /api/v1/users/me/change-password": Access((401, 204, 204, 204), _change_password, OWNER),
    "POST /api/v1/users/me/change-email": Access((401, 200, 200, 200), _change_email, OWNER),
    "GET /api/v1/users/{user_id}": Access((401, 404, 200, 200)),
    "PATCH /api/v1/users/{user_id}": Access((401, 404, 200, 200), _name, OWNER_AND_ADMIN),
    "DELETE /api/v1/users/{user_id}": Access((401, 404, 204, 204), None, OWNER_AND_ADMIN),
    "GET /api/v1/items": SIGNED_IN,
    "POST /api/v1/items": Access((401, 201, 201, 201), _title, OWNER),
    "GET /api/v1/items/my": SIGNED_IN,
    "GET /api/v1/items/search": SIGNED_IN,
    "GET /api/v1/items/{item_id}": SIGNED_IN,
    "PATCH /api/v1/items/{item_id}": Access((401, 403, 200, 200), _title, OWNER_AND_ADMIN),
    "DELETE /api/v1/items/{item_id}": Access((401, 403, 204, 204), None, OWNER_AND_ADMIN),
    "GET /api/v1/cache/status": Access((401, 403, 200, 403)),
    "POST /api/v1/cache/clear": Access((401, 403, 200, 403)),
    "DELETE /api/v1/cache/{key}": Access((401, 403, 404, 403)),
}
TOKENS: dict[str, Access] = {
    "POST /api/v1/auth/token": Access((200, 200, 200, 200), _log_in, EVERYONE),
    "POST /api/v1/auth/refresh": Access((200, 200, 200, 200), _refresh, EVERYONE),
    "GET /api/v1/auth/jwks.json": PUBLIC,
}
COOKIES: dict[str, Access] = {"GET /api/v1/auth/csrf": PUBLIC}
BY_KIND = {kinds.TOKENS: TOKENS, kinds.COOKIES: COOKIES}
FORMS = {"POST /api/v1/auth/token"}
QUERIES = {"GET /api/v1/items/search": {"q": "engine"}}


def table(kind: str) -> dict[str, Access]:
    """Return the access to every route that projects with a kind of sign-in have."""
    return CORE | BY_KIND[kind]
