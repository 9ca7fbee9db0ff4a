"""Against requests that another site makes in the name of who is signed in."""

from copy import deepcopy
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Header, Request

from app.api.dependencies.resources import ResourcesDep
from app.api.dependencies.session_store import CookiesDep
from app.api.errors import errors
from app.core.security.csrf import CsrfFailed
from app.middleware.problems import MEDIA_TYPE

INTERCEPTOR = b"""SwaggerUIBundle({
        requestInterceptor: async (request) => {
            const answer = await fetch("/api/v1/auth/csrf");
            request.headers["X-CSRF-Token"] = (await answer.json()).csrf_token;
            return request;
        },"""
HEADER = "X-CSRF-Token"
UNSAFE_OPERATIONS = frozenset({"delete", "patch", "post", "put"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def check_csrf(
    request: Request,
    resources: ResourcesDep,
    cookies: CookiesDep,
    token: Annotated[str, Header(alias=HEADER, max_length=128)] = "",
) -> None:
    """Refuse what may change something and doesn't prove that it comes from the front end."""
    if request.method in SAFE_METHODS:
        return
    if not _is_from_here(request, resources.settings.app.cors_origins):
        raise CsrfFailed("The request comes from a site that is not allowed to make it")
    if not cookies.proves_origin(token):
        raise CsrfFailed


def _is_from_here(request: Request, origins: tuple[str, ...]) -> bool:
    origin = request.headers.get("origin")
    if origin is None:
        # Browsers that send no Origin say so here; what is no browser says neither.
        return request.headers.get("sec-fetch-site", "none") in {"same-origin", "none"}
    here = urlsplit(origin)
    same_host = here.netloc == request.headers.get("host")
    return origin in origins or (same_host and here.scheme in {"https", request.url.scheme})


def document_csrf(document: dict[str, Any]) -> None:
    """Add to the document what every route that changes something may answer."""
    answer = errors(CsrfFailed)[CsrfFailed.status]
    for path, operations in document["paths"].items():
        for method in set(operations) & UNSAFE_OPERATIONS if path.startswith("/api/") else ():
            responses = operations[method]["responses"]
            known = responses.setdefault(str(CsrfFailed.status), deepcopy(answer))
            codes = known["content"][MEDIA_TYPE]["schema"]["allOf"][1]["properties"]["code"]["enum"]
            if CsrfFailed.code not in codes:
                codes.append(CsrfFailed.code)


def with_csrf(page: bytes) -> bytes:
    """Make Swagger UI send a CSRF token with each request, as a front end does."""
    return page.replace(b"SwaggerUIBundle({", INTERCEPTOR, 1)
