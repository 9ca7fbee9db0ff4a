from typing import Annotated

from pydantic import Field

from app.schemas.base import Line, Password, Schema


class LoginRequest(Schema):
    username: Annotated[
        Line,
        Field(
            max_length=320, description="User name or e-mail address", examples=["ada@example.com"]
        ),
    ]
    password: Annotated[Password, Field(min_length=1, examples=["correct horse battery"])]
