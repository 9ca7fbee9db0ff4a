from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account_recovery import EMAIL_CHANGE, EMAIL_VERIFICATION, Mail
from app.core.config import Settings
from app.core.security.mailed_tokens import MailedTokens
from app.core.security.opaque_tokens import digest
from app.db.base import utc_now
from app.models.outbox import OutboxMessage
from app.models.users import User
from app.repositories.account_recovery import MailedTokenRepository
from app.repositories.auth import AuthSessionRepository
from app.repositories.outbox import OutboxRepository
from app.repositories.users import UserRepository
from app.services.credentials import PASSWORD_RESET, RESET_LIFETIME
from app.services.use_case import use_case


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail before it is put into words: what its templates are called, and what they show."""

    mail: Mail
    recipient: str
    values: Mapping[str, str] = field(default_factory=dict)


class ClaimLost(Exception):
    """What was claimed was so long ago that it says nothing about the message any more."""


class EmailService:
    """Finds out what a message of the outbox has to say, and to whom.

    Who asked for it did not look anybody up. A token is made here, once for each message; it is
    derived from the message's id, so that a second attempt sends the same one.
    """

    def __init__(self, session: AsyncSession, settings: Settings) -> None:
        self.session = session
        self.settings = settings.email
        self.relay = settings.outbox
        self.lifetime = timedelta(seconds=settings.email.verification_lifetime)
        self.mailed_tokens = MailedTokens(settings.app)
        self.users = UserRepository(session)
        self.auth_sessions = AuthSessionRepository(session)
        self.tokens = MailedTokenRepository(session)
        self.outbox = OutboxRepository(session)
        self._writers: dict[Mail, Callable[[OutboxMessage], Awaitable[Draft | None]]] = {
            Mail.VERIFY_EMAIL: self._verify_email,
            Mail.CONFIRM_EMAIL: self._confirm_email,
            Mail.RESET_PASSWORD: self._reset_password,
            Mail.ACCOUNT_EXISTS: self._account_exists,
            Mail.NEW_LOGIN: self._new_login,
        }

    @use_case
    async def claim(self) -> Sequence[OutboxMessage]:
        """Take what is due; a relay that dies loses nothing, since its claim ends by itself."""
        lease = timedelta(seconds=self.relay.lease)
        return await self.outbox.claim(list(Mail), limit=self.relay.batch_size, lease=lease)

    @use_case
    async def draft(self, message: OutboxMessage) -> Draft | None:
        """Draft the mail; return none if there is nothing to send, or nobody to send it to.

        Raise `ClaimLost` if the message is no longer the caller's.
        """
        if not await self.outbox.hold(message):
            raise ClaimLost("somebody else has taken the message meanwhile")
        mail = Mail(message.kind)
        write = self._writers.get(mail)
        return await write(message) if write else self._notice(mail, message)

    async def _verify_email(self, message: OutboxMessage) -> Draft | None:
        user = await self._find_addressee(message)
        if user is None or user.email_verified_at is not None:
            return None
        token = await self._token(message, user, EMAIL_VERIFICATION, self.lifetime)
        return self._with_link(Mail.VERIFY_EMAIL, user.email, "verify-email", token)

    async def _confirm_email(self, message: OutboxMessage) -> Draft | None:
        address = message.payload["email"]
        user = await self._find_addressee(message)
        if user is None:
            return None
        # Else a thief's wish would outlive the password, and the account be lost by it after all.
        if user.password_changed_at.isoformat() != message.payload["password_changed_at"]:
            return None
        owner = await self.users.find_by_login(address)
        if owner is not None and owner.id != user.id:
            return await self._tell_owner(message, owner)
        token = await self._token(message, user, EMAIL_CHANGE, self.lifetime, address)
        return self._with_link(Mail.CONFIRM_EMAIL, address, "verify-email", token)

    async def _reset_password(self, message: OutboxMessage) -> Draft | None:
        user = await self._find_addressee(message)
        if user is None:
            return None
        token = await self._token(message, user, PASSWORD_RESET, RESET_LIFETIME)
        return self._with_link(Mail.RESET_PASSWORD, user.email, "reset-password", token)

    async def _account_exists(self, message: OutboxMessage) -> Draft | None:
        user = await self._find_addressee(message)
        return await self._tell_owner(message, user) if user else None

    async def _tell_owner(self, message: OutboxMessage, owner: User) -> Draft | None:
        if not owner.is_active:
            return None
        # A token that nobody is given: without the cooldown, anybody could have many mails sent.
        token = await self._token(message, owner, Mail.ACCOUNT_EXISTS, self.lifetime)
        return Draft(Mail.ACCOUNT_EXISTS, owner.email, self._forgotten()) if token else None

    async def _new_login(self, message: OutboxMessage) -> Draft | None:
        auth_session = await self.auth_sessions.find(UUID(message.payload["session_id"]))
        if auth_session is None:
            return None
        values = {
            "time": f"{auth_session.created_at:%Y-%m-%d %H:%M} UTC",
            "ip_address": auth_session.ip_address or "",
            # On one line, so that it passes for no words of ours.
            "user_agent": " ".join((auth_session.user_agent or "").split()),
            **self._forgotten(),
        }
        return Draft(Mail.NEW_LOGIN, message.payload["to"], values)

    async def _find_addressee(self, message: OutboxMessage) -> User | None:
        """Find whom a message is for; mail goes to the address that the account has itself."""
        key: UUID | None = None
        match message.payload:
            case {"user_id": user_id}:
                key = UUID(user_id)
            case {"email": email}:
                found = await self.users.find_by_login(email)
                key = found.id if found else None
        user = await self.users.find_locked(key) if key else None
        return user if user and user.is_active else None

    async def _token(
        self,
        message: OutboxMessage,
        user: User,
        purpose: str,
        lifetime: timedelta,
        address: str = "",
    ) -> str | None:
        """Make the token of a mail, in the place of older ones; none if the mail is not wanted.

        That is so shortly after another one, and where a further attempt finds the token used.
        """
        token = self.mailed_tokens.derive(message.id, address)
        expires_at = utc_now() + lifetime
        if message.prepared_at is not None:
            return token if await self.tokens.prolong(digest(token), expires_at) else None
        former = await self.tokens.find_created_at(user.id, purpose)
        if former and former > utc_now() - timedelta(seconds=self.settings.cooldown):
            return None
        await self.tokens.put(user.id, purpose, digest(token), expires_at)
        await self.outbox.mark_prepared(message)
        return token

    def _with_link(self, mail: Mail, recipient: str, page: str, token: str | None) -> Draft | None:
        if token is None:
            return None
        return Draft(mail, recipient, {"link": self.settings.link(page, token)})

    def _notice(self, mail: Mail, message: OutboxMessage) -> Draft:
        return Draft(mail, message.payload["to"], self._forgotten())

    def _forgotten(self) -> dict[str, str]:
        return {"link": self.settings.link("forgot-password")}
