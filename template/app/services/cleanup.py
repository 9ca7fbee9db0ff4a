from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from app.services.use_case import use_case


class Expiring(Protocol):
    """A table whose rows are of no use after some time."""

    async def purge(self) -> int:
        """Delete what is of no use any more; return how many rows."""


class CleanupService:
    """Deletes what has expired, in a transaction for each table."""

    def __init__(self, session: AsyncSession, tables: Sequence[Expiring]) -> None:
        self.session = session
        self.tables = tables

    async def run(self) -> int:
        """Return how many rows went."""
        return sum([await self._purge(table) for table in self.tables])

    @use_case
    async def _purge(self, table: Expiring) -> int:
        return await table.purge()
