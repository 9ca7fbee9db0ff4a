from typing import Annotated

from pydantic import Field

from app.schemas.base import View
from app.schemas.users import UserView


class CsrfToken(View):
    csrf_token: Annotated[
        str, Field(description="To send as X-CSRF-Token with what changes something")
    ]


class SignedIn(CsrfToken):
    """Who has signed in, and the token that goes with the new session."""

    user: UserView
