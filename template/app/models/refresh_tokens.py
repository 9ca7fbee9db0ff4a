from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Timestamp, utc_now


class RefreshToken(Base):
    """One generation of a device's refresh tokens; a spent one stays until it would expire."""

    __tablename__ = "refresh_tokens"

    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("auth_sessions.id", ondelete="CASCADE"), primary_key=True
    )
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    salt: Mapped[str] = mapped_column(String(32))
    token_hash: Mapped[str] = mapped_column(String(64))
    issued_at: Mapped[Timestamp] = mapped_column(default=utc_now)
    expires_at: Mapped[Timestamp] = mapped_column(index=True)
    spent_at: Mapped[Timestamp | None]
