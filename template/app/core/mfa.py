"""What happens to the second factor of an account."""

from dataclasses import dataclass
from uuid import UUID

from app.core.events import Event


@dataclass(frozen=True, slots=True)
class MfaEnabled(Event):
    """An authenticator app has shown its first code; other devices are signed out."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class MfaDisabled(Event):
    """By the owner, by an admin, or by an operator, who is nobody here."""

    user_id: UUID
    actor_id: UUID | None


@dataclass(frozen=True, slots=True)
class MfaFailed(Event):
    """A code was wrong, or came while none is accepted."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class RecoveryCodeUsed(Event):
    """`left` tells how many codes there still are."""

    user_id: UUID
    actor_id: UUID
    left: int


@dataclass(frozen=True, slots=True)
class RecoveryCodesRenewed(Event):
    """The former ones are good for nothing."""

    user_id: UUID
