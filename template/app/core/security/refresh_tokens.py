"""Refresh tokens: opaque to clients, and derived, so that the same one can be made again."""

import hmac
import re
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from app.core.config.app import AppSettings
from app.core.events import Event
from app.core.exceptions import NotAuthenticated, TokenInvalid
from app.core.security.opaque_tokens import digest

REFRESH_TOKEN = re.compile(
    r"(?P<session_id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"\.(?P<generation>[0-9]{1,9})\.(?P<proof>[0-9a-f]{64})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RefreshTokenReused(Event):
    user_id: UUID
    session_id: UUID


class TokenReused(NotAuthenticated):
    """A refresh token came back after it was spent: one of the two who have it stole it."""

    code, title = "token_reused", "The token was used before, so its session has ended"
    commits = True


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Generation `generation` of a device's tokens: it names its row, whose hash proves it."""

    session_id: UUID
    generation: int
    proof: str

    def __str__(self) -> str:
        return f"{self.session_id}.{self.generation}.{self.proof}"

    @property
    def hash(self) -> str:
        return digest(str(self))

    @classmethod
    def parse(cls, token: str) -> Self:
        """Return the parts of a well-formed token; raise `TokenInvalid` for any other string."""
        match = REFRESH_TOKEN.fullmatch(token)
        if match is None:
            raise TokenInvalid
        return cls(UUID(match["session_id"]), int(match["generation"]), match["proof"])


class RefreshTokens:
    """Derives tokens instead of drawing them, so that the same one can be derived again."""

    def __init__(self, settings: AppSettings) -> None:
        self._key = settings.derive_key("refresh-token")

    def derive(self, session_id: UUID, generation: int, salt: str) -> RefreshToken:
        message = f"{session_id}.{generation}.{salt}".encode()
        proof = hmac.digest(self._key, message, "sha256").hex()
        return RefreshToken(session_id, generation, proof)
