"""What all wire types share: strictness, bounded text, pages."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Generic, Protocol, Self, TypeVar

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T")

# Everything below U+0020 and DEL, of which PostgreSQL refuses NUL; text may have lines and tabs.
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _without_control(pattern: re.Pattern[str]) -> AfterValidator:
    def check(value: str) -> str:
        if pattern.search(value):
            raise PydanticCustomError("control_character", "Control characters are not allowed")
        return value

    return AfterValidator(check)


def _check_email(value: str) -> str:
    try:
        normalized = validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError:
        # The validator's own message repeats parts of the address.
        raise PydanticCustomError("email", "Not a valid e-mail address") from None
    if len(email_key(normalized)) > 320:  # casefolding lengthens some letters
        raise PydanticCustomError("email", "Not a valid e-mail address")
    return normalized


def _check_username(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9._-]{3,32}", username_key(value)):
        raise PydanticCustomError(
            "username", "3 to 32 letters, digits, dots, underscores or hyphens"
        )
    return unicodedata.normalize("NFKC", value)


def _check_hashable(value: SecretStr) -> SecretStr:
    # JSON can escape half a surrogate pair; pydantic refuses it in plain strings only.
    try:
        encoded = value.get_secret_value().encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("string_unicode", "Not valid Unicode text") from None
    if b"\x00" in encoded:  # bcrypt would stop there
        raise PydanticCustomError("control_character", "NUL is not allowed")
    return value


def email_key(address: str) -> str:
    """Return the form in which addresses are compared: normalised, NFC, casefolded."""
    with suppress(EmailNotValidError):
        address = validate_email(address, check_deliverability=False).normalized
    return unicodedata.normalize("NFC", address).casefold()


def username_key(name: str) -> str:
    """Return the form in which user names are compared: NFKC, casefolded."""
    return unicodedata.normalize("NFKC", name).casefold()


def login_key(name: str) -> str:
    """Return the form in which names at a sign-in are compared; the `@` makes one an address."""
    return email_key(name) if "@" in name else username_key(name)


Line = Annotated[str, StringConstraints(strip_whitespace=True), _without_control(CONTROL)]
Text = Annotated[str, _without_control(CONTROL_IN_TEXT)]
Email = Annotated[str, Field(max_length=320), AfterValidator(_check_email)]
Token = Annotated[
    str, Field(max_length=512, examples=["b-damN3kPB2Zo9pSyUcR9f_qNhpDvwvQ62LJkh7Vrfw"])
]
Username = Annotated[str, Field(max_length=64), AfterValidator(_check_username)]
Password = Annotated[SecretStr, Field(max_length=1024), AfterValidator(_check_hashable)]


class Schema(BaseModel):
    """Base of what clients send: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class View(BaseModel):
    """Base of what clients get: read from any object that has the attributes."""

    model_config = ConfigDict(from_attributes=True)


class PageQuery(Schema):
    """The part of a page's query that all collections share."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    page_size: int = Field(default=20, ge=1, le=100)


class Found(Protocol):
    """A page as repositories find it."""

    @property
    def rows(self) -> Sequence[object]: ...
    @property
    def total(self) -> int: ...


class Page(View, Generic[T]):
    """One page of a collection, and how much there is in all."""

    items: list[T]
    total: int
    page: int
    page_size: int
    pages: int

    @classmethod
    def of(
        cls, found: Found, query: PageQuery, *, view: Callable[[object], T] | None = None
    ) -> Self:
        """Make the page from what a repository found; `view` shows a row otherwise than whole."""
        return cls.model_validate(
            {
                "items": [view(row) for row in found.rows] if view else found.rows,
                "total": found.total,
                "page": query.page,
                "page_size": query.page_size,
                "pages": -(-found.total // query.page_size),
            }
        )


def _split_comma_list(value: object) -> object:
    """Split `a,b` as a query carries lists, also where the parameter is repeated."""
    if isinstance(value, list):
        return [part for entry in value for part in str(entry).split(",") if part]
    return value


CommaSeparated = BeforeValidator(_split_comma_list)
