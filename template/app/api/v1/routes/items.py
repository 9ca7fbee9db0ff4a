from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from app.api.dependencies.auth import CurrentUser
from app.api.dependencies.items import ItemServiceDep
from app.api.errors import errors
from app.core.exceptions import Forbidden, NotFound
from app.schemas.base import Page
from app.schemas.items import ItemCreate, ItemQuery, ItemSearch, ItemUpdate, ItemView

router = APIRouter()


@router.get("", summary="List the items")
async def list_items(
    _: CurrentUser, query: Annotated[ItemQuery, Query()], items: ItemServiceDep
) -> Page[ItemView]:
    return Page[ItemView].of(await items.list(query), query)


@router.post("", summary="Create an item", status_code=status.HTTP_201_CREATED)
async def create_item(
    request: ItemCreate, principal: CurrentUser, items: ItemServiceDep
) -> ItemView:
    return ItemView.model_validate(await items.create(request, owner_id=principal.id))


@router.get("/my", summary="List the own items")
async def list_my_items(
    principal: CurrentUser, query: Annotated[ItemQuery, Query()], items: ItemServiceDep
) -> Page[ItemView]:
    return Page[ItemView].of(await items.list(query, owner_id=principal.id), query)


@router.get("/search", summary="Search titles and descriptions")
async def search_items(
    _: CurrentUser, query: Annotated[ItemSearch, Query()], items: ItemServiceDep
) -> Page[ItemView]:
    return Page[ItemView].of(await items.search(query), query)


@router.get("/{item_id}", summary="Show an item", responses=errors(NotFound))
async def get_item(item_id: UUID, _: CurrentUser, items: ItemServiceDep) -> ItemView:
    return ItemView.model_validate(await items.get(item_id))


@router.patch("/{item_id}", summary="Change an item", responses=errors(Forbidden, NotFound))
async def update_item(
    item_id: UUID, changes: ItemUpdate, principal: CurrentUser, items: ItemServiceDep
) -> ItemView:
    return ItemView.model_validate(await items.update(item_id, changes, principal=principal))


@router.delete(
    "/{item_id}",
    summary="Delete an item",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(Forbidden, NotFound),
)
async def delete_item(item_id: UUID, principal: CurrentUser, items: ItemServiceDep) -> None:
    await items.delete(item_id, principal=principal)
