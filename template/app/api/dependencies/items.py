from typing import Annotated

from fastapi import Depends

from app.api.dependencies.resources import DbSession
from app.services.items import ItemService


async def _get_item_service(session: DbSession) -> ItemService:
    return ItemService(session)


ItemServiceDep = Annotated[ItemService, Depends(_get_item_service)]
