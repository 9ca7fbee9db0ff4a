"""Hashing of passwords, off the event loop and bounded."""

import os
from collections.abc import Sequence

from anyio import CapacityLimiter, to_thread
from passlib.context import CryptContext

from app.core.config.passwords import PasswordSettings
from app.core.exceptions import ValidationFailed


class PasswordHasher:
    """argon2id at the configured cost, on fewer threads than there are cores.

    Hashing is CPU-bound and takes memory by design: more threads would not hash faster, and would
    starve the requests of everyone who is already signed in.
    """

    def __init__(self, settings: PasswordSettings) -> None:
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=settings.memory_cost,
            argon2__time_cost=settings.time_cost,
            argon2__parallelism=settings.parallelism,
        )
        self._limiter = CapacityLimiter(max(1, (os.cpu_count() or 1) - 1))
        # Verified for accounts that don't exist, so that they take as long as those that do.
        self._dummy = self._context.hash("a password that nobody has")

    async def hash(self, password: str) -> str:
        return await to_thread.run_sync(self._context.hash, password, limiter=self._limiter)

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Return whether the password fits, and a new hash where the stored one is outdated.

        Without a hash the same work is done and the answer is no.
        """
        return await to_thread.run_sync(self._verify, password, hashed, limiter=self._limiter)

    def _verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        fits, upgraded = self._context.verify_and_update(password, hashed or self._dummy)
        return fits and hashed is not None, upgraded


class PasswordPolicy:
    def __init__(self, settings: PasswordSettings) -> None:
        self._settings = settings

    async def check(
        self, password: str, *, personal: Sequence[str | None] = (), pointer: str = "#/password"
    ) -> None:
        least, most = self._settings.min_length, self._settings.max_length
        if not least <= len(password) <= most:
            raise ValidationFailed(
                f"The password must have {least} to {most} characters.",
                pointer=pointer,
                rule="password_length",
            )
