"""Hashing of passwords, and what a new one must be; off the event loop and bounded."""

import os
import re
from collections.abc import Iterable, Sequence
from math import prod

from anyio import CapacityLimiter, to_thread
from passlib.exc import PasswordTruncateError
from zxcvbn import zxcvbn
from zxcvbn.matching import L33T_TABLE

from app.core.config.app import SLUG, TITLE
from app.core.config.passwords import PasswordSettings
from app.core.exceptions import ValidationFailed

NOBODYS_PASSWORD = "a password that nobody has"  # noqa: S105
# About 50 ms at most. The product of how a text may be read and of its length squared.
MAX_ESTIMATE = 40_000


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
        can read and for a password that the scheme can't take.
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


class PasswordPolicy:
    """What a new password must be: of the right length, and hard to guess by zxcvbn's estimate."""

    def __init__(self, settings: PasswordSettings) -> None:
        self._settings = settings
        # zxcvbn keeps the words of an estimate in its module: two at once would mix them.
        self._limiter = CapacityLimiter(1)

    async def check(
        self, password: str, *, personal: Sequence[str | None] = (), pointer: str = "#/password"
    ) -> None:
        """Raise `ValidationFailed` unless it will do; what is `personal` is easily guessed."""
        if not self._settings.allows_length(password):
            raise ValidationFailed(
                f"The password must have {self._settings.length_rule}.",
                pointer=pointer,
                rule="password_length",
            )
        if not self._settings.min_score:
            return
        words = _words_of([TITLE, SLUG, *personal])
        score = await to_thread.run_sync(_estimate, password, words, limiter=self._limiter)
        if score < self._settings.min_score:
            raise ValidationFailed(
                "The password is easily guessed: add less common words.",
                pointer=pointer,
                rule="password_guessable",
            )


def _words_of(texts: Iterable[str | None]) -> list[str]:
    given = [text for text in texts if text]
    return [word for text in given for word in [text, *re.split(r"[\W_]+", text)] if len(word) > 2]


def _estimate(password: str, words: list[str]) -> int:
    """Return zxcvbn's score, from 0 to 4, of as much of the beginning as is quickly estimated.

    Each further symbol that may stand for a letter, as `$` for `s`, multiplies zxcvbn's work: 72
    characters can take two seconds.
    """
    part = password[:72]
    while _readings(part) * len(part) ** 2 > MAX_ESTIMATE:
        part = part[:-1]
    return zxcvbn(part, user_inputs=words)["score"]


def _readings(text: str) -> int:
    return prod(
        max(1, sum(symbol in text for symbol in symbols)) for symbols in L33T_TABLE.values()
    )
