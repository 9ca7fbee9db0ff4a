"""Who is asking, and from where; a route's signature says which of it the route needs."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from app.api.dependencies.origin import read_origin
from app.api.dependencies.principal import GUARDS, SIGNED_IN, CurrentUser
from app.core.exceptions import Forbidden
from app.core.security.permissions import MANAGE_USERS, Permission, Principal
from app.services.sign_in import Device

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
    origin = read_origin(request)
    return Device(ip_address=origin.ip_address, user_agent=origin.user_agent)


DeviceDep = Annotated[Device, Depends(_get_device)]
