from typing import Annotated

from fastapi import APIRouter, Query

from app.api.dependencies.auth import AdminUser, CurrentUser
from app.api.dependencies.services import UserServiceDep
from app.api.errors import errors
from app.core.exceptions import Forbidden, UsernameTaken
from app.schemas.base import Page
from app.schemas.users import UserQuery, UserSparse, UserUpdate, UserView

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


@router.get("/me", summary="Show the own account")
async def get_me(principal: CurrentUser) -> UserView:
    return UserView.model_validate(principal)


@router.patch("/me", summary="Change the own account", responses=errors(UsernameTaken))
async def update_me(changes: UserUpdate, principal: CurrentUser, users: UserServiceDep) -> UserView:
    return UserView.model_validate(await users.update(principal.id, changes))
