from typing import TypeVar

from sqlalchemy import select

from app.db.base import utc_now
from app.models.expiring import Expiring
from app.repositories.base import Repository, delete_where

Row = TypeVar("Row", bound=Expiring)

PURGED_AT_ONCE = 100


class ExpiringRepository(Repository[Row]):
    """Rows that anybody can have made, so that old ones have to go by the new ones."""

    async def put(self, row: Row) -> None:
        """Store a row, and delete some that have expired, but for what others delete right now."""
        expired = (
            select(self.model.id)
            .where(self.model.expires_at <= utc_now())
            .limit(PURGED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        await delete_where(self.session, self.model, self.model.id.in_(expired))
        await self.create(row)
