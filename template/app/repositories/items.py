from uuid import UUID

from sqlalchemy import or_, select

from app.models.items import Item
from app.repositories.base import Repository, Slice
from app.schemas.items import ItemQuery, ItemSearch


class ItemRepository(Repository[Item]):
    model = Item

    async def list(self, query: ItemQuery, *, owner_id: UUID | None) -> Slice[Item]:
        statement = select(Item)
        if owner_id is not None:
            statement = statement.where(Item.owner_id == owner_id)
        if query.title is not None:
            statement = statement.where(Item.title == query.title)
        return await self.page(statement, query, query.sort)

    async def search(self, query: ItemSearch) -> Slice[Item]:
        """Find items whose title or description contains the words as they stand."""
        matches = or_(
            Item.title.icontains(query.q, autoescape=True),
            Item.description.icontains(query.q, autoescape=True),
        )
        return await self.page(select(Item).where(matches), query, ["-created_at"])
