from typing import Annotated

from pydantic import Field

from app.schemas.base import Line, Schema, View
from app.schemas.credentials import CurrentPassword

Code = Annotated[Line, Field(min_length=1, max_length=64, examples=["123456"])]


class MfaStatus(View):
    """Whether a sign-in asks for a code, and how many are left for who has lost the app."""

    enabled: bool
    recovery_codes_left: int


class TotpRequest(Schema):
    password: CurrentPassword = None


class TotpEnrolment(View):
    """What an authenticator app needs, in three forms; it is shown this once."""

    secret: Annotated[str, Field(description="To type, where nothing can be scanned")]
    otpauth_uri: str
    qr_svg: Annotated[str, Field(description="The URI as a QR code, an SVG image")]


class CodeRequest(Schema):
    code: Code


class RecoveryCodes(View):
    """Good for one sign-in each, and shown this once."""

    recovery_codes: list[str]
