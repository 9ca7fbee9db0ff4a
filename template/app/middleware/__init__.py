"""The middleware of the application: pure ASGI, in the order in which a request meets it."""

from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.core.config import Settings
from app.middleware.problems import ErrorBoundary, Problems
from app.middleware.request_context import REQUEST_ID, AccessLog, RequestId
from app.middleware.routing import HeadLikeGet, TrailingSlash, TrustedHost
from app.middleware.security_headers import SecurityHeaders


def ordered(settings: Settings, problems: Problems, *, header: str) -> list[Middleware]:
    """Return every middleware, outermost first; `header` shows who is asking."""
    app = settings.app
    return [
        Middleware(RequestId),
        Middleware(TrailingSlash),
        Middleware(ProxyHeadersMiddleware, trusted_hosts=list(app.trusted_proxies)),
        Middleware(AccessLog),
        Middleware(HeadLikeGet),
        Middleware(SecurityHeaders, strict_transport=app.is_guarded),
        Middleware(ErrorBoundary, problems, debug=app.debug),
        Middleware(TrustedHost, allowed_hosts=list(app.allowed_hosts), www_redirect=False),
        Middleware(
            CORSMiddleware,
            allow_origins=list(app.cors_origins),
            allow_credentials=app.cors_allow_credentials,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[header, "Content-Type", REQUEST_ID],
            expose_headers=[REQUEST_ID],
        ),
        Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5),
        Middleware(RequestBodyLimitMiddleware, max_body_size=app.max_body_bytes),
    ]
