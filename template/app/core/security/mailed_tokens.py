"""Tokens in mails: derived from the mail's id, so that the database never holds one."""

import base64
import hmac
from uuid import UUID

from app.core.config.app import AppSettings


class MailedTokens:
    """Derives the same token each time that a mail has to be sent anew."""

    def __init__(self, settings: AppSettings) -> None:
        self._key = settings.derive_key("mailed-token")

    def derive(self, mail_id: UUID, address: str = "") -> str:
        """Return the token of a mail; it carries the address that it stands for, if any."""
        mac = hmac.digest(self._key, f"{mail_id}.{address}".encode(), "sha256")
        return f"{_encode(mac)}.{_encode(address.encode())}" if address else _encode(mac)


def address_in(token: str) -> str | None:
    """Return the address that a token carries; whoever asks has to know that the token is good."""
    _, separator, encoded = token.partition(".")
    if not separator:
        return None
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except ValueError:  # of which those of Base64 and of Unicode are
        return None


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
