"""Tokens against cross-site request forgery: signed double submit (OWASP CSRF Cheat Sheet)."""

import hmac
import secrets

from app.core.config.app import AppSettings
from app.core.exceptions import Forbidden


class CsrfFailed(Forbidden):
    code, title = "csrf_failed", "The request has no valid CSRF token"


class CsrfTokens:
    """A token is bound to the cookie that it accompanies, and so worth nothing with another."""

    def __init__(self, settings: AppSettings) -> None:
        self._key = settings.derive_key("csrf-token")

    def issue(self, cookie: str) -> str:
        nonce = secrets.token_hex(16)
        return f"{nonce}.{self._sign(nonce, cookie)}"

    def fits(self, token: str, cookie: str) -> bool:
        """Tell whether the token was issued with this cookie."""
        nonce, _, signature = token.partition(".")
        expected = self._sign(nonce, cookie)
        return hmac.compare_digest(signature.encode(), expected.encode())

    def _sign(self, nonce: str, cookie: str) -> str:
        message = f"{len(nonce)}.{nonce}.{cookie}".encode()
        return hmac.digest(self._key, message, "sha256").hex()
