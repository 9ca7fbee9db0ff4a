from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from app.api.dependencies.auth import AdminUser, CurrentUser
from app.api.dependencies.services import UserServiceDep
from app.api.errors import errors
from app.core.exceptions import Forbidden, LastAdmin, NotFound, UsernameTaken
from app.schemas.base import Page
from app.schemas.users import ManagedUserUpdate, UserQuery, UserSparse, UserView

router = APIRouter()


@router.get(
    "",
    summary="List the users",
    response_model_exclude_unset=True,
    responses=errors(Forbidden),
)
async def list_users(
    _: AdminUser, query: Annotated[UserQuery, Query()], users: UserServiceDep
) -> Page[UserSparse]:
    return Page[UserSparse].of(await users.list(query), query, view=query.view)


@router.get("/{user_id}", summary="Show an account", responses=errors(NotFound))
async def get_user(user_id: UUID, principal: CurrentUser, users: UserServiceDep) -> UserView:
    return UserView.model_validate(await users.get(user_id, principal=principal))


@router.patch(
    "/{user_id}",
    summary="Change an account",
    responses=errors(NotFound, Forbidden, UsernameTaken, LastAdmin),
)
async def update_user(
    user_id: UUID, changes: ManagedUserUpdate, principal: CurrentUser, users: UserServiceDep
) -> UserView:
    user = await users.update(user_id, changes, principal=principal)
    return UserView.model_validate(user)


@router.delete(
    "/{user_id}",
    summary="Close an account",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(NotFound, LastAdmin),
)
async def delete_user(user_id: UUID, principal: CurrentUser, users: UserServiceDep) -> None:
    await users.delete(user_id, principal=principal)
