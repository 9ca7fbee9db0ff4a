from collections.abc import Sequence
from typing import Generic, NoReturn
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import (
    AccountLocked,
    Listener,
    LoggedOut,
    LoginFailed,
    SessionRevoked,
    SessionsRevoked,
    publish,
)
from app.core.exceptions import InvalidCredentials, NotFound
from app.core.security.passwords import PasswordHasher, Proof
from app.core.security.permissions import Principal
from app.models.auth import AuthSession
from app.repositories.auth import AuthSessionRepository
from app.repositories.base import Slice
from app.repositories.users import UserRepository
from app.schemas.auth import LoginRequest
from app.schemas.base import PageQuery, login_key
from app.services.lockout import account_of
from app.services.sign_in import Credentials_co, Device, SignIn
from app.services.use_case import use_case


class AuthService(Generic[Credentials_co]):
    def __init__(
        self,
        session: AsyncSession,
        sign_in: SignIn[Credentials_co],
        passwords: PasswordHasher,
        *,
        listeners: Sequence[Listener],
    ) -> None:
        self.session = session
        self.sign_in = sign_in
        self.passwords = passwords
        self.lockout = sign_in.lockout
        self.listeners = listeners
        self.users = UserRepository(session)
        self.auth_sessions = AuthSessionRepository(session)

    async def login(
        self, request: LoginRequest, device: Device, *, device_token: str | None
    ) -> Credentials_co:
        """Sign in on a device; every failure is the same `InvalidCredentials`."""
        user = await self.users.find_by_login(request.username)
        hashed = user.hashed_password if user else None
        # Hashing takes long: it must not hold a connection, nor happen only for known accounts.
        await self.session.close()
        password = request.password.get_secret_value()
        proof = Proof(hashed, *await self.passwords.verify(password, hashed))
        user_id = user.id if user else None
        return await self._conclude(request.username, user_id, proof, device, device_token)

    @use_case
    async def logout(self, principal: Principal) -> None:
        """Revoke this device; the next request with its credentials is refused everywhere."""
        await self.auth_sessions.revoke(principal.session_id, user_id=principal.id)
        event = LoggedOut(principal.id, principal.session_id)
        await publish(self.session, event, self.listeners)

    @use_case
    async def logout_all(self, principal: Principal) -> None:
        """Revoke every device, this one included."""
        await self.auth_sessions.revoke_all(principal.id)
        await publish(self.session, SessionsRevoked(principal.id), self.listeners)

    async def list_sessions(self, principal: Principal, query: PageQuery) -> Slice[AuthSession]:
        return await self.auth_sessions.list(query, user_id=principal.id)

    @use_case
    async def revoke_session(self, session_id: UUID, *, principal: Principal) -> None:
        """Revoke one of the user's devices; raise `NotFound` for any other."""
        if not await self.auth_sessions.revoke(session_id, user_id=principal.id):
            raise NotFound
        event = SessionRevoked(principal.id, session_id)
        await publish(self.session, event, self.listeners)

    @use_case
    async def _conclude(
        self,
        name: str,
        user_id: UUID | None,
        proof: Proof,
        device: Device,
        device_token: str | None,
    ) -> Credentials_co:
        attempt = await self.lockout.enter(account_of(user_id, name), device_token)
        if self.lockout.is_locked(attempt):
            await self._refuse(name, user_id, locks=False)
        # Asked for where the password fits only, so that no other failure costs more than the next.
        known = user_id if proof.fits else None
        user = await self.users.find_locked(known) if known else None
        # While the password was hashed, the account may have changed.
        if user is None or not user.is_active or not proof.holds(user.hashed_password):
            locks = self.lockout.fail(attempt)
            await self._refuse(name, user_id, locks=locks)
        if proof.upgraded is not None:
            user.hashed_password = proof.upgraded
        return await self.sign_in.complete(user, attempt, device, device_token)

    async def _refuse(self, name: str, user_id: UUID | None, *, locks: bool) -> NoReturn:
        key = login_key(name)
        await publish(self.session, LoginFailed(key, user_id), self.listeners)
        if locks:
            await publish(self.session, AccountLocked(key, user_id), self.listeners)
        raise InvalidCredentials
