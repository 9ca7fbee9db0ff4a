from typing import Annotated

from fastapi import APIRouter, Form, status

from app.api.dependencies.auth import CurrentUser, DeviceDep
from app.api.dependencies.services import AuthServiceDep, TokenServiceDep
from app.api.errors import errors
from app.core.exceptions import InvalidCredentials, NotAuthenticated, TokenExpired, TokenInvalid
from app.schemas.auth import LoginRequest, PasswordForm, RefreshRequest, TokenPair

router = APIRouter()


@router.post("/login", summary="Sign in", responses=errors(InvalidCredentials))
async def login(request: LoginRequest, device: DeviceDep, auth: AuthServiceDep) -> TokenPair:
    return await auth.login(request, device)


@router.post(
    "/token", summary="Sign in with the OAuth2 password form", responses=errors(InvalidCredentials)
)
async def token(
    form: Annotated[PasswordForm, Form()], device: DeviceDep, auth: AuthServiceDep
) -> TokenPair:
    return await auth.login(form, device)


@router.post(
    "/refresh", summary="Exchange a refresh token for a new pair", responses=errors(TokenInvalid)
)
async def refresh(request: RefreshRequest, tokens: TokenServiceDep) -> TokenPair:
    return await tokens.refresh(request.refresh_token)


@router.post(
    "/logout",
    summary="Sign out this device",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(NotAuthenticated, TokenExpired, TokenInvalid),
)
async def logout(principal: CurrentUser, auth: AuthServiceDep) -> None:
    await auth.logout(principal)
