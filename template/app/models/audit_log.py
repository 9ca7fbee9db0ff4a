from typing import Any
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Entity, Timestamp, utc_now


class AuditLog(Entity):
    """What happened to an account; the database refuses to change it.

    Ids refer to no table, so that a row outlives whom it names.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "action", "created_at", "id"),
        Index(None, "actor_id", "created_at", "id"),
        Index(None, "target_id", "created_at", "id"),
    )

    created_at: Mapped[Timestamp] = mapped_column(default=utc_now)
    action: Mapped[str] = mapped_column(String(64))
    actor_id: Mapped[UUID | None]
    target_id: Mapped[UUID | None]
    ip_address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
