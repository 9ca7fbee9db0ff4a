"""From exceptions to answers, and from exceptions to what OpenAPI says of them."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.core.exceptions import (
    AppError,
    NotAuthenticated,
    ServiceUnavailable,
    TokenExpired,
    TokenInvalid,
    UnsupportedMediaType,
    ValidationFailed,
)
from app.core.logging import get_logger
from app.middleware.problems import MEDIA_TYPE, Problems

log = get_logger("app.errors")

POINTER_LIMIT = 200
# SQLSTATE classes: connection exception, insufficient resources, operator intervention.
AWAY = ("08", "53", "57")


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
        if isinstance(error, ValidationFailed) and error.pointer:
            entry = {"in": "body", "pointer": error.pointer, "code": error.rule}
            errors = [{**entry, "detail": error.detail}]
            return problems.render(request.scope, error, errors=errors)
        return problems.render(request.scope, error)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        if _has_unread_body(request, error):
            return problems.render(request.scope, UnsupportedMediaType())
        errors = [_describe(entry) for entry in error.errors()]
        return problems.render(request.scope, ValidationFailed(), errors=errors)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        return problems.render_status(request.scope, error.status_code, headers=error.headers)

    @app.exception_handler(DBAPIError)
    async def _(request: Request, error: DBAPIError) -> Response:
        state = str(getattr(error.orig, "sqlstate", None) or "08")
        if not (error.connection_invalidated or state.startswith(AWAY)):
            raise error
        return _answer_away(request, error)

    @app.exception_handler(PoolTimeout)
    @app.exception_handler(OSError)
    async def _(request: Request, error: Exception) -> Response:
        return _answer_away(request, error)

    def _answer_away(request: Request, error: Exception) -> Response:
        cause = getattr(error, "orig", error)
        log.error("a resource is away", error=f"{type(cause).__name__}: {cause}")
        return problems.render(request.scope, ServiceUnavailable())


def errors(*kinds: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Return what a route's `responses=` says of the errors that it may answer."""
    codes: dict[int, list[str]] = {}
    for kind in kinds:
        codes.setdefault(kind.status, []).append(kind.code)
    titles = {kind.status: kind.title for kind in reversed(kinds)}
    return {
        status: {
            "description": titles[status],
            "content": {
                MEDIA_TYPE: {
                    "schema": {
                        "allOf": [
                            {"$ref": "#/components/schemas/Problem"},
                            {"properties": {"code": {"enum": names}}},
                        ]
                    }
                }
            },
        }
        for status, names in codes.items()
    }


# What every route of a signed-in user may answer.
SIGNED_IN = errors(NotAuthenticated, TokenExpired, TokenInvalid)


def document_problems(app: FastAPI) -> None:
    """Add to the OpenAPI document the schemas that `errors` refers to."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = {**problem.pop("$defs"), "Problem": problem}
        document["components"]["schemas"].update(schemas)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def _has_unread_body(request: Request, error: RequestValidationError) -> bool:
    # FastAPI leaves a body of another content type as bytes, which fits no schema.
    whole = any(
        entry["loc"] == ("body",) and entry["type"] != "missing" for entry in error.errors()
    )
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return whole and not content_type.endswith(("/json", "+json"))


def _describe(entry: Mapping[str, Any]) -> dict[str, str]:
    place, *path = entry["loc"] or ("body",)
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
