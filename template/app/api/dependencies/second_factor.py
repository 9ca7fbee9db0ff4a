from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies import carrier, services
from app.api.dependencies.resources import DbSession, Resources, ResourcesDep
from app.api.dependencies.services import LOGIN_ERRORS, SignInDep
from app.core.exceptions import AppError, InvalidCredentials
from app.core.security.mfa import TotpSecrets
from app.services.lockout import Lockout
from app.services.second_factor import (
    MfaCodeInvalid,
    MfaCodes,
    MfaRequired,
    SecondFactor,
    SecondFactorService,
)
from app.services.sign_in import SignIn

# What the end of a sign-in may be refused with: by the code, or by the steps beside that.
VERIFY_ERRORS: list[type[AppError]] = [
    MfaCodeInvalid,
    *(error for error in LOGIN_ERRORS if error not in {InvalidCredentials, MfaRequired}),
]


def make_codes(session: AsyncSession, resources: Resources) -> MfaCodes:
    return MfaCodes(
        session,
        Lockout(session, resources.settings.lockout),
        TotpSecrets(resources.settings.mfa),
        listeners=services.AUTH_LISTENERS,
    )


async def _get_second_factor_service(
    session: DbSession, resources: ResourcesDep, sign_in: SignInDep
) -> SecondFactorService[carrier.Credentials]:
    beyond = SignIn(
        session,
        sign_in.carrier,
        sign_in.lockout,
        sessions_per_user=sign_in.sessions_per_user,
        listeners=sign_in.listeners,
        steps=[step for step in sign_in.steps if not isinstance(step, SecondFactor)],
    )
    return SecondFactorService(session, beyond, make_codes(session, resources))


SecondFactorDep = Annotated[
    SecondFactorService[carrier.Credentials], Depends(_get_second_factor_service)
]
