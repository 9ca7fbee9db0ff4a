"""Who may do what: permissions hang on roles, in this one table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NewType
from uuid import UUID

Permission = NewType("Permission", str)

MANAGE_USERS: Final = Permission("users:manage")
EVERYTHING: Final = Permission("*")

ADMIN: Final = "admin"
USER: Final = "user"

ROLES: Final[dict[str, frozenset[Permission]]] = {
    ADMIN: frozenset({EVERYTHING}),
    USER: frozenset(),
}


def managing_roles() -> tuple[str, ...]:
    """Return the roles of which one account at least has to remain."""
    return tuple(role for role in ROLES if grants(role, MANAGE_USERS))


def grants(role: str, permission: Permission) -> bool:
    """Tell whether a role carries a permission; an unknown role carries none."""
    granted = ROLES.get(role, frozenset())
    return permission in granted or EVERYTHING in granted


@dataclass(frozen=True, slots=True)
class Principal:
    """The signed-in user and device, as the one statement of a request's identity read them."""

    id: UUID
    email: str
    username: str | None
    full_name: str | None
    role: str
    is_active: bool
    email_verified_at: datetime | None
    created_at: datetime
    updated_at: datetime
    session_id: UUID

    def may(self, permission: Permission) -> bool:
        return grants(self.role, permission)
