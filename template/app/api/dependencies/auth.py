"""Who is asking, and from where; a route's signature says which of it the route needs."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from app.api.dependencies.principal import GUARDS, SIGNED_IN, CurrentUser
from app.core.exceptions import Forbidden
from app.core.security.permissions import MANAGE_USERS, Permission, Principal
from app.services.auth import Device

__all__ = ["GUARDS", "SIGNED_IN", "AdminUser", "CurrentUser", "DeviceDep", "require"]


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
