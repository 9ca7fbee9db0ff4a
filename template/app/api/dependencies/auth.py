"""Who is asking, and from where; a route's signature says which of it the route needs."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from app.api.dependencies.services import ResourcesDep
from app.core.exceptions import Forbidden, NotAuthenticated, TokenInvalid
from app.core.security.permissions import MANAGE_USERS, Permission, Principal
from app.repositories.auth import AuthSessionRepository
from app.services.auth import Device

BEARER = OAuth2PasswordBearer(tokenUrl="/api/v1/auth/token", auto_error=False)


async def _get_current_user(
    request: Request, resources: ResourcesDep, token: Annotated[str | None, Depends(BEARER)]
) -> Principal:
    if token is None:
        raise NotAuthenticated
    claims = resources.access_tokens.read(token)
    # Closed before the request's own session opens, so that a request never holds two connections.
    async with resources.sessions() as session:
        auth_sessions = AuthSessionRepository(session)
        principal = await auth_sessions.find_principal(claims.session_id, claims.user_id)
    if principal is None:
        raise TokenInvalid
    request.state.user_id = str(principal.id)
    return principal


CurrentUser = Annotated[Principal, Depends(_get_current_user)]


def require(permission: Permission) -> Callable[[Principal], Awaitable[Principal]]:
    """Make a dependency that lets only those pass whose role carries the permission."""

    async def check(principal: CurrentUser) -> Principal:
        if not principal.may(permission):
            raise Forbidden
        return principal

    return check


AdminUser = Annotated[Principal, Depends(require(MANAGE_USERS))]


async def _get_device(request: Request) -> Device:
    client = request.client
    user_agent = request.headers.get("user-agent", "")[:255].replace("\x00", "")
    return Device(ip_address=client.host[:45] if client else None, user_agent=user_agent or None)


DeviceDep = Annotated[Device, Depends(_get_device)]
