from typing import Annotated, Literal

from pydantic import Field, SecretStr

from app.schemas.base import Line, Password, Schema, Token, View


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
