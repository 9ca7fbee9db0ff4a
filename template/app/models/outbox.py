from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Entity, Timestamp, utc_now


class OutboxMessage(Entity):
    """What has to happen once a transaction is committed, written within it.

    It is deleted when it has happened. `next_attempt_at` is also the end of the time for which a
    relay has claimed it; one that was given up has `failed_at`. `prepared_at` tells that what it
    needs was made, which is done once, however often it is tried.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "failed_at", "next_attempt_at"),)

    kind: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # Of the request that wrote it, for the log of what comes of it.
    request_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[Timestamp] = mapped_column(default=utc_now)
    next_attempt_at: Mapped[Timestamp] = mapped_column(default=utc_now)
    attempts: Mapped[int] = mapped_column(default=0)
    prepared_at: Mapped[Timestamp | None]
    failed_at: Mapped[Timestamp | None]
    last_error: Mapped[str | None] = mapped_column(Text)
