"""What a new password must be."""

import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from math import prod
from pathlib import Path

from anyio import CapacityLimiter, to_thread
from zxcvbn import zxcvbn
from zxcvbn.matching import L33T_TABLE

from app.core.config.app import SLUG, TITLE
from app.core.config.passwords import PasswordSettings
from app.core.exceptions import ValidationFailed

# About 50 ms at most: the ways in which a text can be read, times the square of its length.
MAX_ESTIMATE = 20_000


class PasswordPolicy:
    """A new password has the right length, is none of the common ones, and is hard to guess."""

    def __init__(self, settings: PasswordSettings) -> None:
        self._settings = settings
        self._common = _load_common()
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
        if await self._is_guessable(password, _words_of([TITLE, SLUG, *personal])):
            raise ValidationFailed(
                "The password is easily guessed: add less common words.",
                pointer=pointer,
                rule="password_guessable",
            )

    async def _is_guessable(self, password: str, words: list[str]) -> bool:
        if _digest(password) in self._common:
            return True
        if not self._settings.min_score:
            return False
        score = await to_thread.run_sync(_estimate, password, words, limiter=self._limiter)
        return score < self._settings.min_score


def _load_common() -> frozenset[bytes]:
    """Read the digests of the 3000 most common passwords of 12 characters and more.

    Digests, since nobody should have to read those passwords; an innocent one shares its digest
    with one of them in a case of a million.
    """
    encoded = Path(__file__).with_name("common_passwords.txt").read_bytes()
    digests = b64decode(encoded)
    return frozenset(digests[at : at + 4] for at in range(0, len(digests), 4))


def _digest(password: str) -> bytes:
    return sha256(password.casefold().encode()).digest()[:4]


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
