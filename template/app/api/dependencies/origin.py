from uuid import UUID

from fastapi import Request

from app.core.origin import Origin
from app.middleware.request_context import request_id


def read_origin(request: Request) -> Origin:
    """Return where a request comes from, as far as it is known by now, in columns' lengths."""
    client = request.client
    user_agent = request.headers.get("user-agent", "")[:255].replace("\x00", "")
    user_id = request.scope["state"].get("user_id")
    return Origin(
        request_id=request_id(request.scope),
        ip_address=client.host[:45] if client else None,
        user_agent=user_agent or None,
        user_id=UUID(user_id) if user_id else None,
    )
