from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config.lockout import LockoutSettings
from app.core.security.opaque_tokens import digest, new_token
from app.db.base import utc_now
from app.models.auth import UNKNOWN_DEVICE, LoginAttempt
from app.repositories.login_attempts import LoginAttemptRepository
from app.schemas.base import login_key

DEVICES_PER_ACCOUNT = 20
DEVICES_REMEMBERED = timedelta(days=180)


def account_of(user_id: UUID | None, name: str = "") -> str:
    """Return what failures are counted by: the user, or a name that no account has."""
    return digest(f"user:{user_id}" if user_id else f"name:{login_key(name)}")


class Lockout:
    """Slows guessing down (OWASP ASVS 5.0, 6.3.1) and leaves the owner's devices alone.

    A device that has signed in before shows a token and has a counter of its own; all others share
    one. Used within a use case: a counter is locked from `enter` on, so that of attempts that come
    at the same time each finds what the one before it has left.
    """

    def __init__(self, session: AsyncSession, settings: LockoutSettings) -> None:
        self.settings = settings
        self.attempts = LoginAttemptRepository(session)

    async def enter(self, account: str, device_token: str | None) -> LoginAttempt:
        """Return the counter that an attempt to sign in belongs to."""
        if device_token:
            known = await self.attempts.find_locked(account, digest(device_token))
            if known is not None:
                return known
        return await self.attempts.get_locked(account, UNKNOWN_DEVICE)

    async def enter_signed_in(self, account: str, session_id: UUID) -> LoginAttempt:
        """Return the counter of a device that asks for the password of who is signed in."""
        # Not a digest, so that no device token, whose digest is looked up, can lead here.
        return await self.attempts.get_locked(account, f"session:{session_id}")

    def knows(self, attempt: LoginAttempt) -> bool:
        """Tell whether an attempt comes from a device that has signed in before."""
        return attempt.device != UNKNOWN_DEVICE

    def is_locked(self, attempt: LoginAttempt) -> bool:
        return attempt.locked_until is not None and attempt.locked_until > utc_now()

    def fail(self, attempt: LoginAttempt) -> bool:
        """Count a failure; tell whether nothing is accepted for a while because of it."""
        now = utc_now()
        if now - attempt.last_attempt_at > timedelta(seconds=self.settings.reset_after):
            attempt.failures = 0
        attempt.failures += 1
        attempt.last_attempt_at = now
        excess = attempt.failures - self.settings.threshold
        if excess < 0:
            return False
        delay = min(self.settings.base_delay * 2 ** min(excess, 40), self.settings.max_delay)
        attempt.locked_until = now + timedelta(seconds=delay)
        return True

    async def remember(self, attempt: LoginAttempt, device_token: str | None) -> str:
        """Clear the counter of who has signed in; return the token that the device is known by."""
        if device_token and self.knows(attempt):
            attempt.failures, attempt.locked_until = 0, None
            attempt.last_attempt_at = utc_now()
            return device_token
        token = new_token()
        # A sign-in without the password gives those who guess it no further guesses.
        if not self.is_locked(attempt):
            await self.attempts.delete(attempt)
        await self.attempts.create(LoginAttempt(account=attempt.account, device=digest(token)))
        await self.attempts.trim(attempt.account, keep=DEVICES_PER_ACCOUNT)
        return token

    async def clear(self, attempt: LoginAttempt) -> None:
        await self.attempts.delete(attempt)

    async def forget(self, account: str) -> bool:
        """Unlock an account for everyone; its devices are strangers again.

        Tell whether any of them was locked.
        """
        now = utc_now()
        return any(until and until > now for until in await self.attempts.forget(account))

    async def purge(self) -> int:
        """Delete the counters that no longer matter; return how many."""
        now = utc_now()
        return await self.attempts.purge(
            strangers_before=now - timedelta(seconds=self.settings.reset_after),
            devices_before=now - DEVICES_REMEMBERED,
        )
