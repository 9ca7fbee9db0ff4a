from dataclasses import dataclass

from app.core.events import Event
from app.core.security.permissions import Permission

READ_AUDIT_LOG = Permission("audit_log:read")


@dataclass(frozen=True, slots=True)
class AuditLogPurged(Event):
    """Rows were deleted that were older than so many days."""

    rows: int
    days: int
