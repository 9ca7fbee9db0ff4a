"""Where a use case was asked for, and by whom: what listeners to events may want to know."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

ORIGIN = "origin"


@dataclass(frozen=True, slots=True)
class Origin:
    """A request, by what can be said of it; `user_id` is who is signed in with it."""

    request_id: str
    ip_address: str | None
    user_agent: str | None
    user_id: UUID | None


def origin_of(session: AsyncSession) -> Origin | None:
    """Return the origin of the request that a session serves; commands have none."""
    read: Callable[[], Origin] | None = session.info.get(ORIGIN)
    return read() if read else None
