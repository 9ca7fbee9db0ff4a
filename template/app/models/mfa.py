from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Entity, Timestamp, utc_now
from app.models.expiring import Expiring


class TotpFactor(Entity):
    """The secret that an authenticator app shares with us; it counts once it is confirmed.

    No code of `last_step` or of a step before it is accepted any more.
    """

    __tablename__ = "mfa_totp"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    secret_encrypted: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Timestamp] = mapped_column(default=utc_now)
    confirmed_at: Mapped[Timestamp | None]
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)


class RecoveryCode(Entity):
    """A code for who has lost the app; it is deleted when it is used."""

    __tablename__ = "mfa_recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)


class MfaChallenge(Expiring):
    """A sign-in that waits for its second factor."""

    __tablename__ = "mfa_challenges"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    failures: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[Timestamp] = mapped_column(default=utc_now)
