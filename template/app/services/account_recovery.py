from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account_recovery import Mail, VerificationDemanded
from app.core.config.email import EmailSettings
from app.core.events import (
    EmailChanged,
    Event,
    Listener,
    LoginSucceeded,
    PasswordChanged,
    PasswordReset,
    UserRegistered,
    publish,
)
from app.core.exceptions import EmailTaken, Forbidden, StepRefused
from app.db.base import utc_now
from app.repositories.outbox import OutboxRepository
from app.repositories.users import UserRepository
from app.schemas.account_recovery import RegistrationRequest
from app.schemas.users import UserRegister
from app.services.use_case import use_case
from app.services.users import UserService


class AccountRecoveryService:
    """What anybody may ask for by naming an address.

    Nothing here looks the address up: that is left to who sends the mail, so that a request takes
    the same time and gets the same answer whether there is an account or not.
    """

    def __init__(self, session: AsyncSession, users: UserService) -> None:
        self.session = session
        self.users = users
        self.outbox = OutboxRepository(session)

    async def register(self, request: RegistrationRequest) -> None:
        """Open an account, or tell the owner of the one that there is; raise a 422."""
        try:
            await self.users.register(UserRegister(**dict(request)))
        except EmailTaken:
            await self._ask_for(Mail.ACCOUNT_EXISTS, request.email)

    async def resend_verification(self, email: str) -> None:
        await self._ask_for(Mail.VERIFY_EMAIL, email)

    async def forgot_password(self, email: str) -> None:
        await self._ask_for(Mail.RESET_PASSWORD, email)

    @use_case
    async def _ask_for(self, mail: Mail, email: str) -> None:
        await self.outbox.put(mail, email=email)


class EmailNotVerified(StepRefused, Forbidden):
    """The password was right; a mail that verifies the address is on its way."""

    code, title = "email_not_verified", "The address has to be verified first: a mail is on its way"


class VerifiedAddress:
    """The step of a sign-in that wants the address to be verified."""

    def __init__(self, settings: EmailSettings, *, listeners: Sequence[Listener]) -> None:
        self.required = settings.verification_required
        self.listeners = listeners

    async def __call__(self, session: AsyncSession, user_id: UUID) -> None:
        """Raise `EmailNotVerified`, and have the mail sent once more."""
        if not self.required:
            return
        user = await UserRepository(session).get(user_id)
        if user.email_verified_at is None:
            await OutboxRepository(session).put(Mail.VERIFY_EMAIL, user_id=str(user_id))
            await publish(session, VerificationDemanded(user_id, user_id), self.listeners)
            raise EmailNotVerified


async def write_mail(session: AsyncSession, event: Event) -> None:
    """Have mail sent about what happened to an account, to where its owner was reached until now.

    A reset verifies the address as well: its token was sent there, or given by an operator.
    """
    users, outbox = UserRepository(session), OutboxRepository(session)
    match event:
        case UserRegistered(user_id=user_id, verified=False):
            await outbox.put(Mail.VERIFY_EMAIL, user_id=str(user_id))
        case PasswordReset(user_id=user_id):
            user = await users.get(user_id)
            user.email_verified_at = user.email_verified_at or utc_now()
            await users.update(user)
            await outbox.put(Mail.PASSWORD_CHANGED, to=user.email)
        case PasswordChanged(user_id=user_id):
            await outbox.put(Mail.PASSWORD_CHANGED, to=(await users.get(user_id)).email)
        case EmailChanged(former=former):
            await outbox.put(Mail.EMAIL_CHANGED, to=former)
        case LoginSucceeded(user_id=user_id, session_id=session_id, known_device=False):
            user = await users.get(user_id)
            # It repeats what the client calls itself: to others, anybody could write that way.
            if user.email_verified_at is not None:
                await outbox.put(Mail.NEW_LOGIN, to=user.email, session_id=str(session_id))
        case _:
            pass
