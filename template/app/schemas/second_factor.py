from typing import Annotated

from pydantic import Field

from app.schemas.base import Token
from app.schemas.mfa import Code
from app.schemas.sign_in import SignInRequest


class MfaVerifyRequest(SignInRequest):
    challenge: Annotated[Token, Field(description="From the answer `mfa_required` to a sign-in")]
    code: Annotated[Code, Field(description="Of the app, or one for who has lost it")]
