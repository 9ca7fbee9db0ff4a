from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Entity, Timestamp, utc_now

UNKNOWN_DEVICE = ""


class AuthSession(Entity):
    """A signed-in device: the truth about revocation, asked by every request."""

    __tablename__ = "auth_sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[Timestamp] = mapped_column(default=utc_now)
    last_used_at: Mapped[Timestamp] = mapped_column(default=utc_now)
    expires_at: Mapped[Timestamp] = mapped_column(index=True)
    revoked_at: Mapped[Timestamp | None]
    ip_address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(255))


class LoginAttempt(Entity):
    """Failures in a row for one account from one device, or from all that are not known.

    `account` is a digest, and so is a `device` that is known by a token; one that is signed in goes
    by its session. Names that nobody has count like any other.
    """

    __tablename__ = "login_attempts"
    __table_args__ = (UniqueConstraint("account", "device"),)

    account: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(64))
    failures: Mapped[int] = mapped_column(default=0)
    last_attempt_at: Mapped[Timestamp] = mapped_column(default=utc_now, index=True)
    locked_until: Mapped[Timestamp | None]


class AccountToken(Entity):
    """A token that was handed to the owner of an account, good for one purpose, once."""

    __tablename__ = "account_tokens"
    __table_args__ = (UniqueConstraint("user_id", "purpose"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(32))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Timestamp] = mapped_column(default=utc_now)
    expires_at: Mapped[Timestamp] = mapped_column(index=True)
