from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.core.security.permissions import ROLES, USER
from app.schemas.base import (
    CommaSeparated,
    Email,
    Line,
    PageQuery,
    Password,
    Schema,
    Username,
    View,
)

FullName = Annotated[Line, Field(min_length=1, max_length=200, examples=["Ada Lovelace"])]


class UserRegister(Schema):
    email: Annotated[Email, Field(examples=["ada@example.com"])]
    password: Annotated[Password, Field(examples=["correct horse battery"])]
    username: Annotated[Username | None, Field(examples=["ada"])] = None
    full_name: FullName | None = None


class UserUpdate(Schema):
    """What a user may change of the own account; what is left out stays."""

    username: Annotated[Username | None, Field(examples=["ada"])] = None
    full_name: FullName | None = None


def _check_role(value: str | None) -> str | None:
    if value not in ROLES:
        raise PydanticCustomError("role", "Not a role of this service")
    return value


def _refuse_null(value: bool | None) -> bool | None:
    if value is None:
        raise PydanticCustomError("null", "Leave it out instead")
    return value


class ManagedUserUpdate(UserUpdate):
    """What may be changed of any account; the last two only by who manages users."""

    role: Annotated[
        Line | None,
        AfterValidator(_check_role),
        WithJsonSchema({"type": "string", "examples": [USER]}),
    ] = None
    is_active: Annotated[
        bool | None,
        AfterValidator(_refuse_null),
        WithJsonSchema({"type": "boolean", "examples": [True]}),
    ] = None

    @property
    def names_access(self) -> bool:
        """Whether it is about more than names."""
        return bool({"role", "is_active"} & self.model_fields_set)


class UserView(View):
    id: UUID
    email: str
    username: str | None
    full_name: str | None
    role: str
    is_active: bool
    email_verified_at: datetime | None
    created_at: datetime
    updated_at: datetime


class UserField(StrEnum):
    ID = "id"
    EMAIL = "email"
    USERNAME = "username"
    FULL_NAME = "full_name"
    ROLE = "role"
    IS_ACTIVE = "is_active"
    EMAIL_VERIFIED_AT = "email_verified_at"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


class UserSparse(View):
    """A user of whom only the fields that were asked for are present."""

    id: UUID | None = None
    email: str | None = None
    username: str | None = None
    full_name: str | None = None
    role: str | None = None
    is_active: bool | None = None
    email_verified_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class UserSort(StrEnum):
    EMAIL = "email"
    EMAIL_DESCENDING = "-email"
    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"


class UserQuery(PageQuery):
    sort: Annotated[tuple[UserSort, ...], CommaSeparated, Field(max_length=4)] = (
        UserSort.CREATED_AT_DESCENDING,
    )
    fields: Annotated[tuple[UserField, ...], CommaSeparated, Field(max_length=len(UserField))] = ()
    email: Annotated[Line | None, Field(max_length=320)] = None
    role: Annotated[Line | None, Field(max_length=32)] = None
    is_active: bool | None = None

    def view(self, user: object) -> UserSparse:
        """Show the fields that were asked for, or all of them."""
        names = self.fields or tuple(UserField)
        return UserSparse.model_validate({name: getattr(user, name) for name in names})
