from typing import Annotated, Literal

from pydantic import Field, SecretStr

from app.schemas.base import Line, Password, Schema, View


class LoginRequest(Schema):
    username: Annotated[
        Line,
        Field(
            max_length=320, description="User name or e-mail address", examples=["ada@example.com"]
        ),
    ]
    password: Annotated[Password, Field(min_length=1, examples=["correct horse battery"])]


class PasswordForm(LoginRequest):
    """The resource owner's password form (RFC 6749, 4.3), as Swagger UI's Authorize sends it."""

    grant_type: Literal["password"] | None = None
    scope: Annotated[str, Field(max_length=200)] = ""
    client_id: Annotated[str | None, Field(max_length=200)] = None
    client_secret: Annotated[SecretStr | None, Field(max_length=200)] = None


class RefreshRequest(Schema):
    refresh_token: Annotated[str, Field(max_length=512)]


class TokenPair(View):
    """A short-lived access token, and the refresh token that replaces both once."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: Annotated[int, Field(description="Seconds until the access token expires")]
