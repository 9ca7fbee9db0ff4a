from fastapi import APIRouter

from app.api.dependencies.auth import DeviceDep
from app.api.dependencies.entrance import EntranceDep, SignedIn
from app.api.dependencies.second_factor import VERIFY_ERRORS, SecondFactorDep
from app.api.errors import errors
from app.schemas.second_factor import MfaVerifyRequest

router = APIRouter()


@router.post(
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
