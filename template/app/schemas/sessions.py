from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.schemas.base import View


class SessionView(View):
    """A device that is signed in."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    current: Annotated[bool, Field(description="Whether it is the one that asks")] = False

    @classmethod
    def for_device(cls, session_id: UUID) -> Callable[[object], "SessionView"]:
        """Return what shows a device to the one that has this session."""

        def view(row: object) -> "SessionView":
            shown = cls.model_validate(row)
            return shown.model_copy(update={"current": shown.id == session_id})

        return view
