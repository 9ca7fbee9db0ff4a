"""Routes of an owner's that take long, and that lock rows in the order that they are told."""

import asyncio
from typing import Annotated
from uuid import UUID

from app.api.dependencies.auth import CurrentUser
from app.api.dependencies.resources import DbSession
from app.models.items import Item
from app.services.use_case import use_case
from fastapi import APIRouter, Depends
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession


class Drills:
    def __init__(self, session: DbSession) -> None:
        self.session: AsyncSession = session

    async def _count(self, first: UUID, second: UUID) -> None:
        for item_id in (first, second):
            item = await self.session.get_one(Item, item_id, with_for_update=True)
            item.description = str(int(item.description or 0) + 1)
            await self.session.flush()

    async def _make(self, owner_id: UUID, title: str, seconds: float) -> None:
        self.session.add(Item(owner_id=owner_id, title=title))
        await self.session.flush()
        await self.session.execute(select(func.pg_sleep(seconds)))

    async def _hold(self, item_id: UUID, seconds: float) -> None:
        await self.session.get_one(Item, item_id, with_for_update=True)
        await asyncio.sleep(seconds)

    count, make, hold = use_case(_count), use_case(_make), use_case(_hold)


DrillsDep = Annotated[Drills, Depends(Drills)]


async def count(_: CurrentUser, drills: DrillsDep, first: UUID, second: UUID) -> None:
    """Count one up in two items, one after the other."""
    await drills.count(first, second)


async def make(user: CurrentUser, drills: DrillsDep, title: str, seconds: float) -> None:
    """Make an item, and take that long in the database."""
    await drills.make(user.id, title, seconds)


async def hold(_: CurrentUser, drills: DrillsDep, item_id: UUID, seconds: float) -> None:
    """Lock an item, and take that long in the process."""
    await drills.hold(item_id, seconds)


router = APIRouter(prefix="/drills")
for endpoint in (count, make, hold):
    router.add_api_route(f"/{endpoint.__name__}", endpoint, methods=["POST"])
