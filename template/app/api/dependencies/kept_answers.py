"""Answers that are stored: as their routes would send them, and made by whoever wraps a route."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute, serialize_response

Endpoint = Callable[..., Awaitable[object]]


async def dump(request: Request, answer: object) -> bytes:
    """Return what the route sends for what its function has returned, and nothing else of it."""
    route: APIRoute = request.scope["route"]
    body: bytes = await serialize_response(
        field=route.response_field,
        response_content=answer,
        include=route.response_model_include,
        exclude=route.response_model_exclude,
        by_alias=route.response_model_by_alias,
        exclude_unset=route.response_model_exclude_unset,
        exclude_defaults=route.response_model_exclude_defaults,
        exclude_none=route.response_model_exclude_none,
        dump_json=True,
    )
    return body


def respond(request: Request, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with the status of the route, as it would have done by itself."""
    status = request.scope["route"].status_code or 200
    return Response(body, status, headers, media_type="application/json")


def add_dependency(run: Callable[..., Any], endpoint: Endpoint, **annotation: object) -> None:
    """Show FastAPI the parameters of a route's function, and one more of the function round it."""
    signature = inspect.signature(endpoint)
    [(name, kind)] = annotation.items()
    added = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
    parameters = [*signature.parameters.values(), added]
    vars(run)["__signature__"] = signature.replace(parameters=parameters)
