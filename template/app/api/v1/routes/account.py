from fastapi import APIRouter, status

from app.api.dependencies.auth import CurrentUser
from app.api.dependencies.services import CredentialServiceDep, UserServiceDep
from app.api.errors import errors
from app.core.exceptions import EmailTaken, LastAdmin, UsernameTaken, WrongPassword
from app.schemas.credentials import ChangeEmailRequest, ChangePasswordRequest
from app.schemas.users import UserUpdate, UserView

router = APIRouter()


@router.get("", summary="Show the own account")
async def get_me(principal: CurrentUser) -> UserView:
    return UserView.model_validate(principal)


@router.patch("", summary="Change the own account", responses=errors(UsernameTaken))
async def update_me(changes: UserUpdate, principal: CurrentUser, users: UserServiceDep) -> UserView:
    user = await users.update(principal.id, changes, principal=principal)
    return UserView.model_validate(user)


@router.delete(
    "",
    summary="Close the own account",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(LastAdmin),
)
async def delete_me(principal: CurrentUser, users: UserServiceDep) -> None:
    await users.delete(principal.id, principal=principal)


@router.post(
    "/change-password",
    summary="Change the password, and sign out all other devices",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(WrongPassword),
)
async def change_password(
    request: ChangePasswordRequest, principal: CurrentUser, credentials: CredentialServiceDep
) -> None:
    await credentials.change_password(request, principal=principal)


@router.post(
    "/change-email",
    summary="Change the address",
    responses=errors(WrongPassword, EmailTaken),
)
async def change_email(
    request: ChangeEmailRequest, principal: CurrentUser, credentials: CredentialServiceDep
) -> UserView:
    return UserView.model_validate(await credentials.change_email(request, principal=principal))
