from fastapi import APIRouter, status

from app.api.dependencies.services import UserServiceDep
from app.api.errors import errors
from app.core.exceptions import EmailTaken, UsernameTaken
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
