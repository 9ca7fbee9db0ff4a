import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    RootModel,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.schemas.base import CommaSeparated, Page, PageQuery, Schema, View

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Position(NamedTuple):
    """A row's place in the order of time; the id settles ties."""

    created_at: datetime
    id: UUID

    @property
    def cursor(self) -> str:
        microseconds = (self.created_at - EPOCH) // MICROSECOND
        return base64.urlsafe_b64encode(microseconds.to_bytes(8) + self.id.bytes).decode()

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """Return the place that a cursor stands for; raise `ValueError` for any other text."""
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        if len(raw) != 24:
            raise ValueError("not as long as a cursor")
        return cls(EPOCH + int.from_bytes(raw[:8]) * MICROSECOND, UUID(bytes=raw[8:]))


def _check_cursor(value: str | None) -> str | None:
    try:
        if value:
            Position.parse(value)
    except (ValueError, OverflowError):
        raise PydanticCustomError("cursor", "Not a cursor of this list") from None
    return value


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # in the first or the last hours that there are
        raise PydanticCustomError("moment", "Not a time in UTC") from None


Moment = Annotated[AwareDatetime, AfterValidator(_to_utc)]


class AuditLogFilter(Schema):
    """Which rows; those of the moment `until` are not among them."""

    actor_id: UUID | None = None
    target_id: UUID | None = None
    action: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")], ...],
        CommaSeparated,
        Field(max_length=50),
    ] = ()
    since: Moment | None = None
    until: Moment | None = None


class AuditLogQuery(AuditLogFilter, PageQuery):
    cursor: Annotated[
        str | None,
        AfterValidator(_check_cursor),
        Field(
            max_length=64,
            description="The `next_cursor` of the page before, or empty for the first page. New "
            "rows move no row from such a page to the next; there is no total",
        ),
    ] = None

    @model_validator(mode="after")
    def _has_one_kind_of_page(self) -> Self:
        if self.cursor is not None and "page" in self.model_fields_set:
            raise PydanticCustomError("cursor", "Give a page or a cursor, not both")
        return self

    @property
    def position(self) -> Position | None:
        """The last row of the page before."""
        return Position.parse(self.cursor) if self.cursor else None


class AuditLogView(View):
    id: UUID
    created_at: datetime
    action: str
    actor_id: UUID | None
    target_id: UUID | None
    ip_address: str | None
    user_agent: str | None
    request_id: str | None
    details: dict[str, Any]


class KeysetPage(View):
    """Rows that follow a cursor; after the last of all there is no other cursor."""

    items: list[AuditLogView]
    page_size: int
    next_cursor: str | None

    @classmethod
    def of(cls, rows: Sequence[object], query: AuditLogQuery) -> Self:
        """Make the page from its rows, and one more if there are any after it."""
        items = [AuditLogView.model_validate(row) for row in rows[: query.page_size]]
        ends = len(rows) <= query.page_size
        cursor = None if ends else Position(items[-1].created_at, items[-1].id).cursor
        return cls(items=items, page_size=query.page_size, next_cursor=cursor)


class AuditLogPage(RootModel[Page[AuditLogView] | KeysetPage]):
    """What was asked for: a page by its number, or one by a cursor."""
