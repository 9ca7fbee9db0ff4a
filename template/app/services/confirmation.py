from collections.abc import Sequence
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import AccountLocked, Listener, publish
from app.core.exceptions import RecentLoginRequired, WrongPassword
from app.core.security.passwords import PasswordHasher, Proof
from app.core.security.permissions import Principal
from app.db.base import utc_now
from app.models.users import User
from app.repositories.auth import AuthSessionRepository
from app.repositories.users import UserRepository
from app.schemas.base import email_key
from app.services.lockout import Lockout, account_of

RECENT = timedelta(minutes=15)


class PasswordConfirmation:
    """Asks who is signed in for the password once more; guessing is slowed down here as well.

    An account that has no password is confirmed by having signed in of late.
    """

    def __init__(
        self,
        session: AsyncSession,
        passwords: PasswordHasher,
        lockout: Lockout,
        *,
        listeners: Sequence[Listener],
    ) -> None:
        self.session = session
        self.passwords = passwords
        self.lockout = lockout
        self.listeners = listeners
        self.users = UserRepository(session)
        self.auth_sessions = AuthSessionRepository(session)

    async def prove(self, principal: Principal, password: SecretStr | None) -> Proof:
        """Verify the password, before the use case that it is for; hashing takes long."""
        hashed = (await self.users.get(principal.id)).hashed_password
        await self.session.close()
        if password is None:
            return Proof(hashed, fits=False, upgraded=None)
        return Proof(hashed, *await self.passwords.verify(password.get_secret_value(), hashed))

    async def accept(self, principal: Principal, proof: Proof) -> User:
        """Return the account if the proof holds; count what fails, and raise `WrongPassword`.

        Raise `RecentLoginRequired` for an account that has no password, unless it has signed in
        of late.
        """
        account = account_of(principal.id)
        attempt = await self.lockout.enter_signed_in(account, principal.session_id)
        if self.lockout.is_locked(attempt):
            raise WrongPassword
        user = await self.users.find_locked(principal.id)
        if user is not None and user.hashed_password is None:
            auth_session = await self.auth_sessions.get(principal.session_id)
            if utc_now() - auth_session.created_at > RECENT:
                raise RecentLoginRequired
        # While the password was hashed, the account may have changed.
        elif user is None or not proof.holds(user.hashed_password):
            if self.lockout.fail(attempt):
                event = AccountLocked(email_key(principal.email), principal.id)
                await publish(self.session, event, self.listeners)
            raise WrongPassword
        await self.lockout.clear(attempt)
        return user
