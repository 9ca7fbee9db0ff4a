from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.exceptions import Forbidden
from app.core.security.permissions import Permission, Principal
from app.models.items import Item
from app.repositories.base import Slice
from app.repositories.items import ItemRepository
from app.schemas.items import ItemCreate, ItemQuery, ItemSearch, ItemUpdate
from app.services.use_case import use_case

MANAGE_ITEMS = Permission("items:manage")


class ItemService:
    """Every signed-in user reads; the owner writes, and who may manage all items."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.items = ItemRepository(session)

    async def get(self, item_id: UUID) -> Item:
        return await self.items.get(item_id)

    async def list(self, query: ItemQuery, *, owner_id: UUID | None = None) -> Slice[Item]:
        return await self.items.list(query, owner_id=owner_id or query.owner_id)

    async def search(self, query: ItemSearch) -> Slice[Item]:
        return await self.items.search(query)

    @use_case
    async def create(self, request: ItemCreate, *, owner_id: UUID) -> Item:
        return await self.items.create(Item(owner_id=owner_id, **request.model_dump()))

    @use_case
    async def update(self, item_id: UUID, changes: ItemUpdate, *, principal: Principal) -> Item:
        """Change what `changes` names; raise `NotFound`, or `Forbidden` for another's item."""
        item = await self._get_writable(item_id, principal)
        for name, value in changes.model_dump(exclude_unset=True).items():
            setattr(item, name, value)
        return await self.items.update(item)

    @use_case
    async def delete(self, item_id: UUID, *, principal: Principal) -> None:
        """Remove an item; raise `NotFound`, or `Forbidden` for another's item."""
        await self.items.delete(await self._get_writable(item_id, principal))

    async def _get_writable(self, item_id: UUID, principal: Principal) -> Item:
        item = await self.items.get(item_id)
        if item.owner_id != principal.id and not principal.may(MANAGE_ITEMS):
            raise Forbidden
        return item
