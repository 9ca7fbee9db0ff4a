"""Hashing of passwords, off the event loop and bounded."""

import os
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from passlib.exc import PasswordTruncateError

from app.core.config.passwords import PasswordSettings

NOBODYS_PASSWORD = "a password that nobody has"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of a password that was shown: plain values, for a use case to act on."""

    compared_with: str | None
    fits: bool
    upgraded: str | None

    def holds(self, hashed: str | None) -> bool:
        """Tell whether the password fits the hash that an account has by now."""
        return self.fits and hashed == self.compared_with


class PasswordHasher:
    """The configured scheme at the configured cost, on fewer threads than there are cores.

    Hashing is CPU-bound, and may take memory by design: more threads would not hash faster, and
    would starve the requests of everyone who is already signed in.
    """

    def __init__(self, settings: PasswordSettings) -> None:
        self._context = settings.make_context()
        self._limiter = CapacityLimiter(max(1, (os.cpu_count() or 1) - 1))
        # Verified for accounts that don't exist, so that they take as long as those that do.
        self._dummy = self._context.hash(NOBODYS_PASSWORD)

    async def hash(self, password: str) -> str:
        return await to_thread.run_sync(self._context.hash, password, limiter=self._limiter)

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Return whether the password fits, and a new hash where the stored one is outdated.

        Without a hash the same work is done and the answer is no, as it is for a hash that nothing
        can read and for a password that the scheme can't take. Only a hash of another scheme
        or cost takes its own time, until it is replaced.
        """
        return await to_thread.run_sync(self._verify, password, hashed, limiter=self._limiter)

    def _verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        stored = self._dummy if hashed is None else hashed
        try:
            fits, upgraded = self._context.verify_and_update(password, stored)
        except PasswordTruncateError:
            # It fits, but is too long for the scheme that would replace the stored one's.
            return True, None
        except (TypeError, ValueError):
            self._context.verify(NOBODYS_PASSWORD, self._dummy)
            return False, None
        return fits and hashed is not None, upgraded
