from typing import Annotated

from fastapi import Depends

from app.api.dependencies import services
from app.api.dependencies.resources import DbSession, ResourcesDep
from app.api.dependencies.second_factor import make_codes
from app.services.mfa import MfaService


async def mfa_service(session: DbSession, resources: ResourcesDep) -> MfaService:
    return MfaService(
        session,
        services.make_confirmation(session, resources),
        make_codes(session, resources),
        issuer=resources.settings.mfa.issuer,
        listeners=services.AUTH_LISTENERS,
    )


MfaServiceDep = Annotated[MfaService, Depends(mfa_service)]
