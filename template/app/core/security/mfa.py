"""Secrets of authenticator apps, their codes, and the codes for who has lost the app."""

import base64
import hmac
import io
import re
import secrets
from datetime import datetime
from uuid import UUID

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pyotp.exceptions import OTPVerificationError

from app.core.config.mfa import MfaSettings
from app.core.security.opaque_tokens import digest

WINDOW = 1  # steps of 30 seconds before and after, as RFC 6238, 5.2 recommends at most
RECOVERY_CODES = 10
# Crockford's Base32, without the letters that look like others: 15 of them make 75 bits.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LOOKALIKES = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})
GROUPS, GROUP_LENGTH = 3, 5
TOTP_CODE = re.compile(r"[0-9]{6}")


class TotpSecrets:
    """Encrypts secrets at rest, each for its owner: a row that is copied to another is void."""

    def __init__(self, settings: MfaSettings) -> None:
        self._fernets = [Fernet(_derive(key)) for key in settings.keys]
        self._all = MultiFernet(self._fernets)

    def encrypt(self, secret: str, user_id: UUID) -> str:
        return self._all.encrypt(f"{user_id}.{secret}".encode()).decode()

    def decrypt(self, encrypted: str, user_id: UUID) -> str | None:
        """Return the secret, or nothing if it is another's or no key of ours has encrypted it."""
        try:
            owner, _, secret = self._all.decrypt(encrypted).decode().partition(".")
        except InvalidToken:
            return None
        return secret if owner == str(user_id) else None

    def is_current(self, encrypted: str) -> bool:
        """Tell whether the key that encrypts by now is the one that has."""
        try:
            self._fernets[0].decrypt(encrypted)
        except InvalidToken:
            return False
        return True


def new_secret() -> str:
    """Draw a secret of 160 bits, as long as RFC 4226 recommends, in Base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, *, account: str, issuer: str) -> str:
    """Return what authenticator apps read from a QR code, short enough for one."""
    # A colon is what apps part the two by.
    names = {"name": account[:100], "issuer_name": issuer.replace(":", " ")}
    return pyotp.TOTP(secret).provisioning_uri(**names)


def draw_qr_code(uri: str) -> str:
    """Draw a QR code as an SVG image, which works within a page and as a file."""
    image = io.BytesIO()
    segno.make_qr(uri).save(
        image,
        kind="svg",
        xmldecl=False,
        nl=False,
        scale=4,
        light="white",
        svgclass=None,
        lineclass=None,
    )
    return image.getvalue().decode()


def is_totp(code: str) -> bool:
    """Tell a code of an app from one for who has lost it."""
    return TOTP_CODE.fullmatch(_plain(code)) is not None


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the step of time that a code belongs to, if it is one of those around now."""
    totp = pyotp.TOTP(secret)
    try:
        return totp.verify_and_get_timecode(_plain(code), for_time=now, valid_window=WINDOW)
    except OTPVerificationError:
        return None


def new_recovery_codes() -> list[str]:
    return ["-".join(_draw_group() for _ in range(GROUPS)) for _ in range(RECOVERY_CODES)]


def recovery_digest(code: str, user_id: UUID) -> str:
    """Return what is stored of a code: bound to its owner, and the same however it is typed."""
    return digest(f"recovery:{user_id}:{_plain(code)}")


def _derive(key: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), b"mfa-totp", "sha256"))


def _draw_group() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH))


def _plain(code: str) -> str:
    return code.casefold().translate(LOOKALIKES)
