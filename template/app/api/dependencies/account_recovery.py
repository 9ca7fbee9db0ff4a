from typing import Annotated

from fastapi import Depends

from app.api.dependencies.resources import DbSession
from app.api.dependencies.services import UserServiceDep
from app.services.account_recovery import AccountRecoveryService


async def _get_account_recovery_service(
    session: DbSession, users: UserServiceDep
) -> AccountRecoveryService:
    return AccountRecoveryService(session, users)


AccountRecoveryDep = Annotated[AccountRecoveryService, Depends(_get_account_recovery_service)]
