"""Access tokens (JWT, RFC 7519 and RFC 8725) and the refresh tokens that renew them."""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from app.core.config.app import AppSettings
from app.core.config.jwt import JwtSettings
from app.core.exceptions import TokenExpired, TokenInvalid
from app.core.security.opaque_tokens import digest

CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "typ"]
ACCESS = "access"
REFRESH_TOKEN = re.compile(
    r"(?P<session_id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"\.(?P<generation>[0-9]{1,9})\.(?P<proof>[0-9a-f]{64})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class AccessClaims:
    user_id: UUID
    session_id: UUID


class AccessTokens:
    """Signs with the active key and verifies with any key of the ring, by one algorithm."""

    def __init__(self, settings: JwtSettings) -> None:
        self._settings = settings
        self.lifetime = timedelta(seconds=settings.access_lifetime)
        self._signing: dict[str, str | Ed25519PrivateKey] = dict(settings.key_ring)
        if settings.algorithm == "EdDSA":
            self._signing = {
                kid: Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))
                for kid, key in settings.key_ring.items()
            }
        self._verifying = {
            kid: key if isinstance(key, str) else key.public_key()
            for kid, key in self._signing.items()
        }

    def issue(self, claims: AccessClaims) -> str:
        now = datetime.now(UTC)
        payload = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": str(claims.user_id),
            "sid": str(claims.session_id),
            "jti": secrets.token_urlsafe(12),
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "typ": ACCESS,
        }
        kid = self._settings.active_kid
        key = self._signing[kid]
        return jwt.encode(payload, key, self._settings.algorithm, headers={"kid": kid})

    def read(self, token: str) -> AccessClaims:
        """Return what a token says; raise `TokenExpired` or `TokenInvalid`."""
        try:
            payload = jwt.decode(
                token,
                self._verifying[jwt.get_unverified_header(token)["kid"]],
                algorithms=[self._settings.algorithm],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                options={"require": CLAIMS},
            )
            if payload["typ"] != ACCESS:
                raise TokenInvalid
            return AccessClaims(UUID(payload["sub"]), UUID(payload["sid"]))
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.InvalidTokenError, AttributeError, KeyError, TypeError, ValueError):
            raise TokenInvalid from None

    def public_keys(self) -> list[dict[str, str]]:
        """Return the keys that others may verify with (RFC 7517); a shared secret is none."""
        use = {"use": "sig", "alg": self._settings.algorithm}
        return [
            {**OKPAlgorithm.to_jwk(key, as_dict=True), **use, "kid": kid}
            for kid, key in self._verifying.items()
            if not isinstance(key, str)
        ]


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
        secret_key = settings.secret_key.get_secret_value()
        self._key = hmac.digest(secret_key.encode(), b"refresh-token", "sha256")

    def derive(self, session_id: UUID, generation: int, salt: str) -> RefreshToken:
        message = f"{session_id}.{generation}.{salt}".encode()
        proof = hmac.digest(self._key, message, "sha256").hex()
        return RefreshToken(session_id, generation, proof)
