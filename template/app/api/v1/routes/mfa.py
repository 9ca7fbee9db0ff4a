from uuid import UUID

from fastapi import APIRouter, status

from app.api.dependencies.auth import AdminUser, CurrentUser, DeviceDep
from app.api.dependencies.entrance import EntranceDep, SignedIn
from app.api.dependencies.mfa import MfaServiceDep
from app.api.dependencies.second_factor import VERIFY_ERRORS, SecondFactorDep
from app.api.errors import errors
from app.core.exceptions import Forbidden, NotFound, RecentLoginRequired, WrongPassword
from app.schemas.mfa import CodeRequest, MfaStatus, RecoveryCodes, TotpEnrolment, TotpRequest
from app.schemas.second_factor import MfaVerifyRequest
from app.services.mfa import MfaAlreadyEnabled, MfaNotEnabled, WrongCode

sign_in_router = APIRouter()
router = APIRouter()
admin_router = APIRouter()


@sign_in_router.post(
    "/verify",
    summary="End a sign-in with a code of the second factor",
    responses=errors(*VERIFY_ERRORS),
)
async def verify_mfa(
    request: MfaVerifyRequest,
    device: DeviceDep,
    second_factor: SecondFactorDep,
    entrance: EntranceDep,
) -> SignedIn:
    device_token = entrance.device_token(request)
    credentials = await second_factor.verify(request, device, device_token=device_token)
    return await entrance.admit(credentials)


@router.get("", summary="Show whether a sign-in asks for a second factor")
async def get_mfa(principal: CurrentUser, mfa: MfaServiceDep) -> MfaStatus:
    return await mfa.get_status(principal)


@router.post(
    "/totp",
    summary="Begin to set up an authenticator app",
    responses=errors(WrongPassword, RecentLoginRequired, MfaAlreadyEnabled),
)
async def begin_totp(
    request: TotpRequest, principal: CurrentUser, mfa: MfaServiceDep
) -> TotpEnrolment:
    """Nothing changes before a code of the app confirms it."""
    return await mfa.begin(request.password, principal=principal)


@router.post(
    "/totp/confirm",
    summary="Ask for codes from now on, and sign out all other devices",
    responses=errors(WrongCode, MfaNotEnabled, MfaAlreadyEnabled),
)
async def confirm_totp(
    request: CodeRequest, principal: CurrentUser, mfa: MfaServiceDep
) -> RecoveryCodes:
    return RecoveryCodes(recovery_codes=await mfa.confirm(request.code, principal=principal))


@router.delete(
    "/totp",
    summary="Ask for no codes any more",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(WrongCode, MfaNotEnabled),
)
async def disable_totp(request: CodeRequest, principal: CurrentUser, mfa: MfaServiceDep) -> None:
    """Take a code of the app, or one for who has lost it."""
    await mfa.disable(request.code, principal=principal)


@router.post(
    "/recovery-codes",
    summary="Replace the codes for who has lost the app",
    responses=errors(WrongCode, MfaNotEnabled),
)
async def renew_recovery_codes(
    request: CodeRequest, principal: CurrentUser, mfa: MfaServiceDep
) -> RecoveryCodes:
    codes = await mfa.renew_recovery_codes(request.code, principal=principal)
    return RecoveryCodes(recovery_codes=codes)


@admin_router.delete(
    "/{user_id}/mfa",
    summary="Take the second factor off an account whose owner has lost it",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(Forbidden, NotFound),
)
async def reset_mfa(user_id: UUID, principal: AdminUser, mfa: MfaServiceDep) -> None:
    await mfa.reset(user_id, principal=principal)
