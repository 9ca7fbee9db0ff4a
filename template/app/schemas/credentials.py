from typing import Annotated

from pydantic import Field

from app.schemas.base import Email, Password, Schema, Token


class ChangePasswordRequest(Schema):
    current_password: Annotated[Password, Field(examples=["correct horse battery"])]
    new_password: Annotated[Password, Field(examples=["several other words"])]


class ChangeEmailRequest(Schema):
    email: Annotated[Email, Field(examples=["ada@example.org"])]
    password: Annotated[Password, Field(examples=["correct horse battery"])]


class ResetPasswordRequest(Schema):
    token: Token
    password: Annotated[Password, Field(examples=["several other words"])]
