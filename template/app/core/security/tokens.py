"""Access tokens: JWT (RFC 7519, RFC 8725)."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from app.core.config.jwt import JwtSettings
from app.core.exceptions import NotAuthenticated, TokenInvalid

CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "typ"]
ACCESS = "access"


class TokenExpired(NotAuthenticated):
    code, title = "token_expired", "The token has expired"


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
