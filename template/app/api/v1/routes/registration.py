from fastapi import APIRouter, status

from app.api.dependencies.services import CredentialServiceDep, UserServiceDep
from app.api.errors import errors
from app.core.exceptions import EmailTaken, TokenInvalid, UsernameTaken
from app.schemas.credentials import ResetPasswordRequest
from app.schemas.users import UserRegister, UserView

router = APIRouter()


@router.post(
    "/register",
    summary="Open an account",
    status_code=status.HTTP_201_CREATED,
    responses=errors(EmailTaken, UsernameTaken),
)
async def register(request: UserRegister, users: UserServiceDep) -> UserView:
    """Tell whether an address is taken: without mail there is no other way to tell its owner."""
    return UserView.model_validate(await users.register(request))


@router.post(
    "/reset-password",
    summary="Set a new password with a reset token",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(TokenInvalid),
)
async def reset_password(request: ResetPasswordRequest, credentials: CredentialServiceDep) -> None:
    """Sign out all devices, and sign nobody in."""
    await credentials.reset_password(request)
