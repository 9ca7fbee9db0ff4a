"""The routes that the answers promise, under `/api/v1` unless they start with `//`."""

from tests.matrix.questions import Answers

CORE = (
    "GET //health",
    "GET //health/live",
    "GET //health/ready",
    "POST /auth/register",
    "POST /auth/login",
    "POST /auth/reset-password",
    "POST /auth/logout",
    "POST /auth/logout-all",
    "GET /auth/sessions",
    "DELETE /auth/sessions/{session_id}",
    "GET /users",
    "GET /users/me",
    "PATCH /users/me",
    "DELETE /users/me",
    "POST /users/me/change-password",
    "POST /users/me/change-email",
    "GET /users/{user_id}",
    "PATCH /users/{user_id}",
    "DELETE /users/{user_id}",
)
FEATURES = {
    "jwt": ("POST /auth/token", "POST /auth/refresh", "GET /auth/jwks.json"),
    "session": ("GET /auth/csrf",),
    "account_recovery": (
        "POST /auth/verify-email",
        "POST /auth/resend-verification",
        "POST /auth/forgot-password",
    ),
    "items": (
        "GET /items",
        "POST /items",
        "GET /items/my",
        "GET /items/search",
        "GET /items/{item_id}",
        "PATCH /items/{item_id}",
        "DELETE /items/{item_id}",
    ),
    "cache": ("GET /cache/status", "POST /cache/clear", "DELETE /cache/{key}"),
    "audit_log": ("GET /audit-logs",),
    "mfa": (
        "GET /users/me/mfa",
        "POST /users/me/mfa/totp",
        "POST /users/me/mfa/totp/confirm",
        "DELETE /users/me/mfa/totp",
        "POST /users/me/mfa/recovery-codes",
        "DELETE /users/{user_id}/mfa",
    ),
    "second_factor": ("POST /auth/mfa/verify",),
    "oauth": (
        "GET /oauth/providers",
        "GET /oauth/{provider}/initiate",
        "GET /oauth/{provider}/callback",
        "POST /oauth/exchange",
    ),
    "identities": (
        "GET /users/me/identities",
        "POST /users/me/identities/{provider}",
        "DELETE /users/me/identities/{provider}",
    ),
}


def routes_for(answers: Answers) -> set[str]:
    """Return the promised operations, `METHOD /path`."""
    features = (routes for stem, routes in FEATURES.items() if answers[stem])
    return {_full(route) for routes in (CORE, *features) for route in routes}


def _full(route: str) -> str:
    method, path = route.split()
    return f"{method} {path[1:] if path.startswith('//') else f'/api/v1{path}'}"
