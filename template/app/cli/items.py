from sqlalchemy.ext.asyncio import AsyncSession

from app.models.users import User
from app.schemas.items import ItemCreate
from app.services.items import ItemService

TITLES = ("Notes on the engine", "A list of errors", "Something to read")


async def seed_items(session: AsyncSession, owner: User) -> None:
    """Give a person of the sample data a few items."""
    items = ItemService(session)
    for title in TITLES:
        await items.create(ItemCreate(title=title), owner_id=owner.id)
