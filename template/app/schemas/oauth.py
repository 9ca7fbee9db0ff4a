import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.schemas.base import Schema, Token, View
from app.schemas.credentials import CurrentPassword
from app.schemas.sign_in import SignInRequest

# A path of the front end's own site: browsers take `//` and `/\` for the start of another host.
PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")


def _check_path(value: str) -> str:
    if not PATH.fullmatch(value):
        raise PydanticCustomError("path", "Not a path such as /account")
    return value


NextPath = Annotated[
    str,
    Field(max_length=512, description="Path of the front end to go on to", examples=["/account"]),
    AfterValidator(_check_path),
]


class ProviderView(View):
    name: Annotated[str, Field(description="As it stands in URLs")]
    title: Annotated[str, Field(description="As people know it")]
    initiate_url: Annotated[str, Field(description="Where a sign-in begins")]


class ProviderList(View):
    items: list[ProviderView]


class ProviderAnswer(View):
    """What people bring back from a provider (RFC 6749, 4.1.2; RFC 9207), among other things."""

    state: Annotated[str | None, Field(max_length=512)] = None
    code: Annotated[str | None, Field(max_length=4096)] = None
    error: Annotated[str | None, Field(max_length=512)] = None
    iss: Annotated[str | None, Field(max_length=512)] = None


class ExchangeRequest(SignInRequest):
    code: Token


class LinkRequest(Schema):
    password: CurrentPassword = None
    next: NextPath = "/"


class LinkStarted(View):
    authorization_url: Annotated[str, Field(description="Where to send the browser to")]


class IdentityView(View):
    """An account at a provider that signs in to this one."""

    provider: str
    email: str | None
    created_at: datetime
    last_used_at: datetime


class IdentityList(View):
    items: list[IdentityView]
