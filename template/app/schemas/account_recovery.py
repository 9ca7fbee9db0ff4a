from typing import Annotated

from pydantic import Field

from app.schemas.base import Email, Password, Schema, Token, View
from app.schemas.users import FullName


class RegistrationRequest(Schema):
    """Without a user name: whether one is taken would tell who has an account."""

    email: Annotated[Email, Field(examples=["ada@example.com"])]
    password: Annotated[Password, Field(examples=["correct horse battery"])]
    full_name: FullName | None = None


class EmailRequest(Schema):
    email: Annotated[Email, Field(examples=["ada@example.com"])]


class VerifyEmailRequest(Schema):
    token: Token


class MailAccepted(View):
    """The one answer for every address."""

    detail: str = "If there is something to send to this address, a mail is on its way."
