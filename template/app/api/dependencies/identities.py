from typing import Annotated

from fastapi import Depends

from app.api.dependencies import services
from app.api.dependencies.resources import DbSession
from app.services.identities import IdentityService


async def _get_identity_service(session: DbSession) -> IdentityService:
    return IdentityService(session, listeners=services.AUTH_LISTENERS)


IdentityServiceDep = Annotated[IdentityService, Depends(_get_identity_service)]
