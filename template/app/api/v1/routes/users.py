from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from app.api.dependencies.auth import AdminUser, CurrentUser
from app.api.dependencies.services import CredentialServiceDep, UserServiceDep
from app.api.errors import errors
from app.core.exceptions import (
    EmailTaken,
    Forbidden,
    LastAdmin,
    NotFound,
    UsernameTaken,
    WrongPassword,
)
from app.schemas.auth import ChangeEmailRequest, ChangePasswordRequest
from app.schemas.base import Page
from app.schemas.users import ManagedUserUpdate, UserQuery, UserSparse, UserUpdate, UserView

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
    user = await users.update(principal.id, changes, principal=principal)
    return UserView.model_validate(user)


@router.delete(
    "/me",
    summary="Close the own account",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(LastAdmin),
)
async def delete_me(principal: CurrentUser, users: UserServiceDep) -> None:
    await users.delete(principal.id, principal=principal)


@router.post(
    "/me/change-password",
    summary="Change the password, and sign out all other devices",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(WrongPassword),
)
async def change_password(
    request: ChangePasswordRequest, principal: CurrentUser, credentials: CredentialServiceDep
) -> None:
    await credentials.change_password(request, principal=principal)


@router.post(
    "/me/change-email",
    summary="Change the address",
    responses=errors(WrongPassword, EmailTaken),
)
async def change_email(
    request: ChangeEmailRequest, principal: CurrentUser, credentials: CredentialServiceDep
) -> UserView:
    return UserView.model_validate(await credentials.change_email(request, principal=principal))


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
