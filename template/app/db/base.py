"""The declarative base: naming of constraints, ids and time stamps."""

import sys
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils.compat import uuid7

Timestamp = Annotated[datetime, mapped_column(DateTime(timezone=True))]


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562): unique without the database, and sorted by time of creation."""
    return uuid7()


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables; migrations rely on the names that its constraints get."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Entity(Base):
    """A table with a primary key that is safe to show: it counts no rows and can't be guessed."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id, sort_order=-1)


class Timestamped:
    """Times set by the application, so that an INSERT needs no RETURNING to be complete."""

    created_at: Mapped[Timestamp] = mapped_column(default=utc_now, sort_order=1)
    updated_at: Mapped[Timestamp] = mapped_column(default=utc_now, onupdate=utc_now, sort_order=1)
