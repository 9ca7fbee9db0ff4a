"""What happened to an account, for whoever has to act on it in the same transaction.

Features listen here instead of being called from the services: a listener may write to the session
or raise, and never commits. `app.core.origin` tells it who has asked, and from where.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a use case did, told before its commit.

    A field with `repr=False` is for listeners that act on it, and is neither logged nor kept.
    """


@dataclass(frozen=True, slots=True)
class UserRegistered(Event):
    """`verified` tells whether somebody vouches for the address, such as an operator."""

    user_id: UUID
    verified: bool = False


@dataclass(frozen=True, slots=True)
class LoginSucceeded(Event):
    """`known_device` tells whether the device has signed in to the account before."""

    user_id: UUID
    session_id: UUID
    known_device: bool = False


@dataclass(frozen=True, slots=True)
class LoginFailed(Event):
    """`user_id` is empty where no account has the name; `account` is what was typed, normalised."""

    account: str = field(repr=False)  # people type their password there
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class AccountLocked(Event):
    """So many sign-ins failed that none is accepted for a while."""

    account: str = field(repr=False)
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class AccountUnlocked(Event):
    """A new password has lifted a lock before its time."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class LoggedOut(Event):
    user_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class SessionRevoked(Event):
    """A device was signed out from another one."""

    user_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class SessionsRevoked(Event):
    """All devices were signed out at once."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class PasswordChanged(Event):
    """By its owner who knew the old one, or by an operator."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class PasswordReset(Event):
    """By whoever held a reset token; locks on the account are gone as well."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class EmailChanged(Event):
    user_id: UUID
    former: str


@dataclass(frozen=True, slots=True)
class RoleChanged(Event):
    user_id: UUID
    actor_id: UUID
    former: str
    role: str


@dataclass(frozen=True, slots=True)
class ActivationChanged(Event):
    user_id: UUID
    actor_id: UUID
    is_active: bool


@dataclass(frozen=True, slots=True)
class AccountDeleted(Event):
    user_id: UUID
    actor_id: UUID


class Listener(Protocol):
    async def __call__(self, session: AsyncSession, event: Event) -> None:
        """Act on the event within the use case's transaction."""


class LoginStep(Protocol):
    async def __call__(self, session: AsyncSession, user_id: UUID) -> None:
        """Raise the error that asks for one more proof, or return to let the sign-in go on."""


async def publish(session: AsyncSession, event: Event, listeners: Sequence[Listener]) -> None:
    """Tell every listener in order; the first error ends the use case."""
    for listener in listeners:
        await listener(session, event)
