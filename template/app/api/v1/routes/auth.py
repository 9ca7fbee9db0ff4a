from typing import Annotated

from fastapi import APIRouter, Form

from app.api.dependencies.auth import DeviceDep
from app.api.dependencies.services import AuthServiceDep, ResourcesDep, TokenServiceDep
from app.api.errors import errors
from app.core.exceptions import InvalidCredentials, TokenExpired, TokenInvalid, TokenReused
from app.schemas.auth import (
    LoginRequest,
    LoginTokens,
    PasswordForm,
    PublicKeys,
    RefreshRequest,
    TokenPair,
)

router = APIRouter()


@router.post("/login", summary="Sign in", responses=errors(InvalidCredentials))
async def login(request: LoginRequest, device: DeviceDep, auth: AuthServiceDep) -> LoginTokens:
    return await auth.login(request, device)


@router.post(
    "/token", summary="Sign in with the OAuth2 password form", responses=errors(InvalidCredentials)
)
async def token(
    form: Annotated[PasswordForm, Form()], device: DeviceDep, auth: AuthServiceDep
) -> LoginTokens:
    return await auth.login(form, device)


@router.post(
    "/refresh",
    summary="Exchange a refresh token for a new pair",
    responses=errors(TokenInvalid, TokenExpired, TokenReused),
)
async def refresh(request: RefreshRequest, tokens: TokenServiceDep) -> TokenPair:
    return await tokens.refresh(request.refresh_token)


@router.get("/jwks.json", summary="Show the keys that verify access tokens")
async def jwks(resources: ResourcesDep) -> PublicKeys:
    """Empty unless the algorithm is an asymmetric one: a shared secret is never shown."""
    return PublicKeys(keys=resources.access_tokens.public_keys())
