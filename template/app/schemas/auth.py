from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr

from app.schemas.base import Email, Line, Password, Schema, View

Token = Annotated[
    str, Field(max_length=512, examples=["b-damN3kPB2Zo9pSyUcR9f_qNhpDvwvQ62LJkh7Vrfw"])
]


class LoginRequest(Schema):
    username: Annotated[
        Line,
        Field(
            max_length=320, description="User name or e-mail address", examples=["ada@example.com"]
        ),
    ]
    password: Annotated[Password, Field(min_length=1, examples=["correct horse battery"])]
    device_token: Annotated[
        Token | None,
        Field(description="From an earlier sign-in on this device, whose failures count apart"),
    ] = None


class PasswordForm(LoginRequest):
    """The resource owner's password form (RFC 6749, 4.3), as Swagger UI's Authorize sends it."""

    grant_type: Literal["password"] | None = None
    scope: Annotated[str, Field(max_length=200)] = ""
    client_id: Annotated[str | None, Field(max_length=200)] = None
    client_secret: Annotated[SecretStr | None, Field(max_length=200)] = None


class RefreshRequest(Schema):
    refresh_token: Token


class TokenPair(View):
    """A short-lived access token, and the refresh token that replaces both once."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: Annotated[int, Field(description="Seconds until the access token expires")]


class LoginTokens(TokenPair):
    """The first pair of a device, and what makes the device known at the next sign-in."""

    device_token: str


class PublicKeys(View):
    """The keys that verify access tokens, as a JWK set (RFC 7517)."""

    keys: list[dict[str, str]]


class SessionView(View):
    """A device that is signed in."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    current: Annotated[bool, Field(description="Whether it is the one that asks")] = False

    @classmethod
    def for_device(cls, session_id: UUID) -> Callable[[object], "SessionView"]:
        """Return what shows a device to the one that has this session."""

        def view(row: object) -> "SessionView":
            shown = cls.model_validate(row)
            return shown.model_copy(update={"current": shown.id == session_id})

        return view


class ChangePasswordRequest(Schema):
    current_password: Annotated[Password, Field(examples=["correct horse battery"])]
    new_password: Annotated[Password, Field(examples=["several other words"])]


class ChangeEmailRequest(Schema):
    email: Annotated[Email, Field(examples=["ada@example.org"])]
    password: Annotated[Password, Field(examples=["correct horse battery"])]


class ResetPasswordRequest(Schema):
    token: Token
    password: Annotated[Password, Field(examples=["several other words"])]
