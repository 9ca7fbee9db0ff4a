from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Entity, Timestamp


class Expiring(Entity):
    """A row that means nothing from a moment on, whether it is still there or not."""

    __abstract__ = True

    expires_at: Mapped[Timestamp] = mapped_column(index=True, sort_order=1)
