from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import (
    Listener,
    LoggedOut,
    LoginFailed,
    LoginStep,
    LoginSucceeded,
    publish,
)
from app.core.exceptions import InvalidCredentials
from app.core.security.passwords import PasswordHasher
from app.core.security.permissions import Principal
from app.db.base import utc_now
from app.models.auth import AuthSession
from app.repositories.auth import AuthSessionRepository
from app.repositories.users import UserRepository
from app.schemas.auth import LoginRequest
from app.schemas.base import email_key, username_key
from app.services.use_case import use_case

Credentials_co = TypeVar("Credentials_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Device:
    """Where a sign-in comes from, as the list of devices shows it."""

    ip_address: str | None
    user_agent: str | None


class Carrier(Protocol[Credentials_co]):
    """What a client carries to prove a session: the one difference between kinds of sign-in."""

    lifetime: timedelta

    async def open(self, auth_session: AuthSession) -> Credentials_co:
        """Make the credentials of a new session, within the use case that opens it."""


class AuthService(Generic[Credentials_co]):
    def __init__(
        self,
        session: AsyncSession,
        carrier: Carrier[Credentials_co],
        passwords: PasswordHasher,
        *,
        listeners: Sequence[Listener],
        steps: Sequence[LoginStep],
    ) -> None:
        self.session = session
        self.carrier = carrier
        self.passwords = passwords
        self.listeners = listeners
        self.steps = steps
        self.users = UserRepository(session)
        self.auth_sessions = AuthSessionRepository(session)

    async def login(self, request: LoginRequest, device: Device) -> Credentials_co:
        """Sign in on a device; every failure is the same `InvalidCredentials`."""
        user = await self.users.find_by_login(request.username)
        # Hashing takes long: it must not hold a connection, nor happen only for known accounts.
        await self.session.close()
        fits, upgraded = await self.passwords.verify(
            request.password.get_secret_value(), user.hashed_password if user else None
        )
        if user is None or not fits or not user.is_active:
            return await self._refuse(request.username, user.id if user else None)
        return await self._open(user.id, device, upgraded)

    @use_case
    async def logout(self, principal: Principal) -> None:
        """Revoke this device; the next request with its credentials is refused everywhere."""
        await self.auth_sessions.revoke(principal.session_id)
        event = LoggedOut(principal.id, principal.session_id)
        await publish(self.session, event, self.listeners)

    @use_case
    async def _refuse(self, account: str, user_id: UUID | None) -> Credentials_co:
        key = email_key(account) if "@" in account else username_key(account)
        await publish(self.session, LoginFailed(key, user_id), self.listeners)
        raise InvalidCredentials

    @use_case
    async def _open(self, user_id: UUID, device: Device, upgraded: str | None) -> Credentials_co:
        for step in self.steps:
            await step(self.session, user_id)
        if upgraded is not None:
            (await self.users.get(user_id)).hashed_password = upgraded
        auth_session = await self.auth_sessions.create(
            AuthSession(
                user_id=user_id,
                expires_at=utc_now() + self.carrier.lifetime,
                ip_address=device.ip_address,
                user_agent=device.user_agent,
            )
        )
        credentials = await self.carrier.open(auth_session)
        event = LoginSucceeded(user_id, auth_session.id)
        await publish(self.session, event, self.listeners)
        return credentials
