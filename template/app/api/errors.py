"""From exceptions to answers, and from exceptions to what OpenAPI says of them."""

import socket
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from app.core.exceptions import (
    AppError,
    MethodNotAllowed,
    ServiceUnavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from app.core.logging import get_logger
from app.middleware.problems import MEDIA_TYPE, Problems

log = get_logger("app.errors")

POINTER_LIMIT = 200
ERRORS_SHOWN = 50
# SQLSTATE classes: connection exception, transaction rollback, insufficient resources, operator
# intervention; and a lock that was waited for too long.
AWAY = ("08", "40", "53", "57", "55P03")
UNREACHABLE = (ConnectionError, TimeoutError, socket.gaierror)
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


class FieldError(BaseModel):
    """What is wrong with one part of a request; never its value."""

    place: Literal["body", "query", "path", "header", "cookie"] = Field(alias="in")
    pointer: str = Field(description="JSON pointer (RFC 6901) below `in`")
    code: str
    detail: str


class Problem(BaseModel):
    """An error as all routes answer it: problem+json (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:problem:service:not_found",
                "title": "Not found",
                "status": 404,
                "detail": "Not found",
                "instance": "/api/v1/users/me",
                "code": "not_found",
                "request_id": "0f8fad5bd9cb469fa165708f7d1c4a3e",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldError] | None = None


def install_handlers(app: FastAPI, problems: Problems) -> None:
    """Answer the errors of ours, of FastAPI and of a database that is away in the same shape."""

    @app.exception_handler(AppError)
    async def _(request: Request, error: AppError) -> Response:
        return problems.render(request.scope, error)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        if _has_unread_body(request, error):
            return problems.render(request.scope, UnsupportedMediaType())
        errors = [_describe(entry) for entry in error.errors()[:ERRORS_SHOWN]]
        return problems.render(request.scope, ValidationFailed(), errors=errors)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == MethodNotAllowed.status:
            headers["Allow"] = _allowed_methods(request)
        return problems.render_status(request.scope, error.status_code, headers=headers)

    _install_outage_handlers(app, problems)


def _install_outage_handlers(app: FastAPI, problems: Problems) -> None:
    @app.exception_handler(DBAPIError)
    async def _(request: Request, error: DBAPIError) -> Response:
        state = str(getattr(error.orig, "sqlstate", None) or "08")
        if not (error.connection_invalidated or state.startswith(AWAY)):
            raise error
        return _answer_away(request, error)

    @app.exception_handler(PoolTimeout)
    async def _(request: Request, error: PoolTimeout) -> Response:
        return _answer_away(request, error)

    @app.exception_handler(OSError)
    async def _(request: Request, error: OSError) -> Response:
        # A bare one is what asyncio raises when none of a host's addresses answers.
        if type(error) is OSError or isinstance(error, UNREACHABLE):
            return _answer_away(request, error)
        raise error

    def _answer_away(request: Request, error: Exception) -> Response:
        cause = getattr(error, "orig", error)
        log.error("a resource is away", error=f"{type(cause).__name__}: {cause}")
        return problems.render(request.scope, ServiceUnavailable())


def errors(*kinds: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Return what a route's `responses=` says of the errors that it may answer."""
    codes: dict[int, list[str]] = {}
    members: dict[int, dict[str, object]] = {}
    for kind in kinds:
        codes.setdefault(kind.status, []).append(kind.code)
        members.setdefault(kind.status, {}).update(kind.members)
    titles = {kind.status: kind.title for kind in reversed(kinds)}
    return {
        status: {
            "description": titles[status],
            "content": {
                MEDIA_TYPE: {
                    "schema": {
                        "allOf": [
                            {"$ref": "#/components/schemas/Problem"},
                            {"properties": {"code": {"enum": names}, **members[status]}},
                        ]
                    }
                }
            },
        }
        for status, names in codes.items()
    }


def _has_unread_body(request: Request, error: RequestValidationError) -> bool:
    # FastAPI leaves a body of another content type as bytes, which fits no schema.
    whole = any(
        entry["loc"] == ("body",) and entry["type"] != "missing" for entry in error.errors()
    )
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return whole and not content_type.endswith(("/json", "+json"))


def _allowed_methods(request: Request) -> str:
    # Each route has one method, and Starlette tells that of the first route that has the path.
    def answers(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)

    return ", ".join(filter(answers, METHODS))


def _describe(entry: Mapping[str, Any]) -> dict[str, str]:
    place, *path = entry["loc"] or ("body",)
    if entry["type"] == "json_invalid":
        path.clear()  # an offset in the text, not a member
    pointer = "".join(f"/{_escape(str(part))}" for part in path)
    # What pydantic says of these repeats a part of the value.
    repeats = entry["type"].startswith(("uuid", "json")) or entry["type"] == "enum"
    return {
        "in": str(place),
        "pointer": f"#{pointer}"[:POINTER_LIMIT],
        "code": entry["type"],
        "detail": "Not a valid value" if repeats else entry["msg"],
    }


def _escape(part: str) -> str:
    """Escape a member's name as RFC 6901 asks, and what JSON or a log could not carry."""
    printable = part.encode("utf-8", "backslashreplace").decode()
    return printable.replace("~", "~0").replace("/", "~1")
