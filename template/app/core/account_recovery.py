"""What mail to the owners of accounts is about, and what becomes of it."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.core.events import Event

# Purposes of the tokens that are sent by mail, beside that of a new password.
EMAIL_VERIFICATION = "email_verification"
EMAIL_CHANGE = "email_change"


class Mail(StrEnum):
    """Each has its templates in `app/email/templates`, by its value."""

    VERIFY_EMAIL = "verify_email"
    CONFIRM_EMAIL = "confirm_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105
    ACCOUNT_EXISTS = "account_exists"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    EMAIL_CHANGED = "email_changed"
    NEW_LOGIN = "new_login"


@dataclass(frozen=True, slots=True)
class VerificationDemanded(Event):
    """A sign-in with the right password was refused until the address is verified."""

    user_id: UUID
    actor_id: UUID


@dataclass(frozen=True, slots=True)
class EmailVerified(Event):
    """Its owner has shown the token that was sent to the address."""

    user_id: UUID
    actor_id: UUID
