"""Header fields that tell a client how often it may go on calling."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.rate_limit import Verdict

RATE_LIMIT_HEADERS = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"]


class RateLimitHeaders:
    """Show on every answer, errors included, what the guard of the router has found."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                verdict: Verdict | None = scope["state"].get("rate_limit")
                if verdict:
                    MutableHeaders(scope=message).update(verdict.headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)
