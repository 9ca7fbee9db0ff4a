from fastapi import APIRouter, status

from app.api.dependencies.account_recovery import AccountRecoveryDep
from app.api.dependencies.addresses import AddressServiceDep
from app.api.dependencies.services import CredentialServiceDep
from app.api.errors import errors
from app.core.exceptions import EmailTaken, TokenInvalid
from app.schemas.account_recovery import EmailRequest, MailAccepted, VerifyEmailRequest
from app.schemas.credentials import ResetPasswordRequest

router = APIRouter()


@router.post(
    "/verify-email",
    summary="Verify an address with the token that was sent there",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(TokenInvalid, EmailTaken),
)
async def verify_email(request: VerifyEmailRequest, addresses: AddressServiceDep) -> None:
    """Take the token of a new account, or that of a changed address; sign nobody in."""
    await addresses.verify(request.token)


@router.post(
    "/resend-verification",
    summary="Send the mail that verifies an address once more",
    status_code=status.HTTP_202_ACCEPTED,
)
async def resend_verification(request: EmailRequest, recovery: AccountRecoveryDep) -> MailAccepted:
    await recovery.resend_verification(request.email)
    return MailAccepted()


@router.post(
    "/forgot-password",
    summary="Send a mail with which its reader can set a new password",
    status_code=status.HTTP_202_ACCEPTED,
)
async def forgot_password(request: EmailRequest, recovery: AccountRecoveryDep) -> MailAccepted:
    await recovery.forgot_password(request.email)
    return MailAccepted()


@router.post(
    "/reset-password",
    summary="Set a new password with a reset token",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(TokenInvalid),
)
async def reset_password(request: ResetPasswordRequest, credentials: CredentialServiceDep) -> None:
    """Sign out all devices, and sign nobody in."""
    await credentials.reset_password(request)
