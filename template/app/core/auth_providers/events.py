from dataclasses import dataclass
from uuid import UUID

from app.core.events import Event


@dataclass(frozen=True, slots=True)
class IdentityLinked(Event):
    """From now on, an account at a provider signs in to this one."""

    user_id: UUID
    actor_id: UUID
    provider: str


@dataclass(frozen=True, slots=True)
class IdentityUnlinked(Event):
    user_id: UUID
    actor_id: UUID
    provider: str
