from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import Listener, LoginStep, LoginSucceeded, publish
from app.db.base import utc_now
from app.models.auth import AuthSession, LoginAttempt
from app.models.users import User
from app.repositories.auth import AuthSessionRepository
from app.services.lockout import Lockout

Credentials_co = TypeVar("Credentials_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Device:
    """Where a sign-in comes from, as the list of devices shows it."""

    ip_address: str | None
    user_agent: str | None


class Carrier(Protocol[Credentials_co]):
    """What a client carries to prove a session: the one difference between kinds of sign-in."""

    lifetime: timedelta

    async def open(self, auth_session: AuthSession, device_token: str) -> Credentials_co:
        """Make the credentials of a new session, within the use case that opens it."""


class SignIn(Generic[Credentials_co]):
    """How every sign-in ends, whatever it was that proved who somebody is."""

    def __init__(
        self,
        session: AsyncSession,
        carrier: Carrier[Credentials_co],
        lockout: Lockout,
        *,
        sessions_per_user: int,
        listeners: Sequence[Listener],
        steps: Sequence[LoginStep],
    ) -> None:
        self.session = session
        self.carrier = carrier
        self.lockout = lockout
        self.sessions_per_user = sessions_per_user
        self.listeners = listeners
        self.steps = steps
        self.auth_sessions = AuthSessionRepository(session)

    async def complete(
        self, user: User, attempt: LoginAttempt, device: Device, device_token: str | None
    ) -> Credentials_co:
        """Open a session on a device, within the use case that has seen the proof.

        `attempt` is the counter that `Lockout.enter` gave. Where a step asks for more, it stays as
        it was, and the device a stranger.
        """
        for step in self.steps:
            await step(self.session, user.id)
        known_device = self.lockout.knows(attempt)
        token = await self.lockout.remember(attempt, device_token)
        await self.auth_sessions.revoke_oldest(user.id, keep=self.sessions_per_user - 1)
        auth_session = await self.auth_sessions.create(
            AuthSession(
                user_id=user.id,
                expires_at=utc_now() + self.carrier.lifetime,
                ip_address=device.ip_address,
                user_agent=device.user_agent,
            )
        )
        credentials = await self.carrier.open(auth_session, token)
        event = LoginSucceeded(user.id, auth_session.id, known_device)
        await publish(self.session, event, self.listeners)
        return credentials
