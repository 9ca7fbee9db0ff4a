"""Errors on the wire: one shape for all, problem+json (RFC 9457)."""

import traceback
from collections.abc import Mapping

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import exceptions
from app.core.exceptions import AppError
from app.core.logging import get_logger, without_rows
from app.middleware.request_context import request_id

MEDIA_TYPE = "application/problem+json"
BY_STATUS: dict[int, type[AppError]] = {
    error.status: error
    for error in (
        exceptions.BadRequest,
        exceptions.NotAuthenticated,
        exceptions.Forbidden,
        exceptions.NotFound,
        exceptions.MethodNotAllowed,
        exceptions.Conflict,
        exceptions.PayloadTooLarge,
        exceptions.UnsupportedMediaType,
        exceptions.ValidationFailed,
        exceptions.ServiceUnavailable,
    )
}

log = get_logger("app.errors")


class Problems:
    """Renders errors; `type_prefix` starts the URN that names each kind."""

    def __init__(self, type_prefix: str) -> None:
        self.type_prefix = type_prefix

    def render(
        self, scope: Scope, error: AppError, *, status: int | None = None, **extensions: object
    ) -> Response:
        """Render an error, with another status if its class stands for several."""
        status = status or error.status
        body = {
            "type": f"{self.type_prefix}:{error.code}",
            "title": error.title,
            "status": status,
            "detail": error.detail,
            "instance": scope["path"],
            "code": error.code,
            "request_id": request_id(scope),
            **error.extensions,
            **extensions,
        }
        return Response(orjson.dumps(body), status, headers=error.headers, media_type=MEDIA_TYPE)

    def render_status(
        self,
        scope: Scope,
        status: int,
        *,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer a status that no error of ours stands behind."""
        fallback = AppError if status >= 500 else exceptions.BadRequest
        error = BY_STATUS.get(status, fallback)(detail)
        error.headers |= headers or {}
        return self.render(scope, error, status=status)


class ErrorBoundary:
    """Turn whatever goes wrong further in into problem+json.

    That is an exception that nothing handles, and a plain-text error of a middleware. Starlette
    would run a handler for `Exception` outside all middleware, so its answers would lack headers.
    """

    def __init__(self, app: ASGIApp, problems: Problems, *, debug: bool) -> None:
        self.app = app
        self.problems = problems
        self.debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = answered = False
        plain: Message | None = None

        async def send_problem(message: Message) -> None:
            nonlocal started, answered, plain
            started = True
            if message["type"] == "http.response.start" and _is_plain_error(message):
                plain = message
            elif plain and not answered:
                answered = True
                # Without those of CORS, a site could not read the error.
                headers = {
                    name: value
                    for name, value in Headers(scope=plain).items()
                    if not name.startswith("content-")
                }
                response = self.problems.render_status(
                    scope,
                    plain["status"],
                    detail=message.get("body", b"").decode(errors="replace"),
                    headers=headers,
                )
                await response(scope, receive, send)
            elif not plain:
                await send(message)

        try:
            await self.app(scope, receive, send_problem)
        except Exception as error:
            log.exception("unhandled error")
            if started:
                raise
            trace = without_rows("".join(traceback.format_exception(error))).splitlines()
            unforeseen = AppError()
            response = (
                self.problems.render(scope, unforeseen, trace=trace)
                if self.debug
                else self.problems.render(scope, unforeseen)
            )
            await response(scope, receive, send)


def _is_plain_error(message: Message) -> bool:
    return message["status"] >= 400 and any(
        name == b"content-type" and value.startswith(b"text/plain")
        for name, value in message["headers"]
    )
