from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Entity, Timestamp, Timestamped, utc_now


class User(Timestamped, Entity):
    """An account; its `*_key` columns are what uniqueness and sign-in compare.

    A deleted account keeps its row and loses its keys, so that the address is free again.
    """

    __tablename__ = "users"
    __table_args__ = (Index(None, "created_at", "id"),)

    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str | None] = mapped_column(String(320), unique=True)
    username: Mapped[str | None] = mapped_column(String(32))
    username_key: Mapped[str | None] = mapped_column(String(32), unique=True)
    full_name: Mapped[str | None] = mapped_column(String(200))
    hashed_password: Mapped[str | None] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(32), default="user")
    is_active: Mapped[bool] = mapped_column(default=True)
    email_verified_at: Mapped[Timestamp | None]
    password_changed_at: Mapped[Timestamp] = mapped_column(default=utc_now)
    deleted_at: Mapped[Timestamp | None]
