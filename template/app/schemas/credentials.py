from typing import Annotated

from pydantic import Field

from app.schemas.base import Email, Password, Schema, Token

# What a change is confirmed with.
CurrentPassword = Annotated[
    Password | None,
    Field(examples=["correct horse battery"], description="Left out where there is none"),
]


class ChangePasswordRequest(Schema):
    current_password: CurrentPassword = None
    new_password: Annotated[Password, Field(examples=["several other words"])]


class ChangeEmailRequest(Schema):
    email: Annotated[Email, Field(examples=["ada@example.org"])]
    password: CurrentPassword = None


class ResetPasswordRequest(Schema):
    token: Token
    password: Annotated[Password, Field(examples=["several other words"])]
