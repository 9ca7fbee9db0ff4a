"""Errors named for the fact; each knows its status and the code that clients rely on.

Services raise them, `app.api.errors` answers them as problem+json (RFC 9457).
"""

from collections.abc import Mapping
from typing import ClassVar

from app.core.config.app import CHALLENGE


class AppError(Exception):
    """Base of every error that a client is told about.

    `commits` marks a verdict that outlives its own report: what the use case has written is
    committed before the error goes on, where any other error rolls it back. `extensions` are
    further members of the answer (RFC 9457, 3.2), and `members` their JSON schemas.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal server error"
    commits: ClassVar[bool] = False
    members: ClassVar[Mapping[str, Mapping[str, object]]] = {}

    def __init__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.headers = dict(headers or {})
        self.extensions: dict[str, object] = {}


class BadRequest(AppError):
    status, code, title = 400, "bad_request", "Bad request"


class NotAuthenticated(AppError):
    status, code, title = 401, "not_authenticated", "Authentication is required"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": CHALLENGE})


class InvalidCredentials(NotAuthenticated):
    """One answer for every failed sign-in, so that it tells nothing about the account."""

    code, title = "invalid_credentials", "The name or the password is wrong"
    commits = True


class TokenInvalid(NotAuthenticated):
    code, title = "token_invalid", "The token is not valid"


class Forbidden(AppError):
    status, code, title = 403, "forbidden", "This is not allowed"


class WrongPassword(Forbidden):
    """The password that a change has to be confirmed with is not the present one."""

    code, title = "wrong_password", "The current password is wrong"
    commits = True


class RecentLoginRequired(Forbidden):
    """Without a password, a sign-in of late is what a change is confirmed with."""

    code, title = "recent_login_required", "Sign in again first: the last time is too long ago"


class NotFound(AppError):
    status, code, title = 404, "not_found", "Not found"


class MethodNotAllowed(AppError):
    status, code, title = 405, "method_not_allowed", "Method not allowed"


class Conflict(AppError):
    status, code, title = 409, "conflict", "The request conflicts with the present state"


class EmailTaken(Conflict):
    code, title = "email_taken", "The address is in use"


class UsernameTaken(Conflict):
    code, title = "username_taken", "The user name is in use"


class LastAdmin(Conflict):
    code, title = "last_admin", "The last admin can't go"


class PayloadTooLarge(AppError):
    status, code, title = 413, "payload_too_large", "The body is too large"


class UnsupportedMediaType(AppError):
    status, code, title = 415, "unsupported_media_type", "The content type is not supported"


class ValidationFailed(AppError):
    """A rule that a schema can't express; `pointer` is the member's JSON pointer in the body."""

    status, code, title = 422, "validation_error", "The request is not valid"

    def __init__(self, detail: str | None = None, *, pointer: str = "", rule: str = "") -> None:
        super().__init__(detail)
        self.rule = rule
        if pointer:
            error = {"in": "body", "pointer": pointer, "code": rule, "detail": self.detail}
            self.extensions = {"errors": [error]}


class StepRefused(AppError):
    """Base of what the steps of a sign-in refuse it with; what they have written stays."""

    commits = True


class ServiceUnavailable(AppError):
    """Something that the request needs is away for the moment."""

    status, code, title = 503, "service_unavailable", "The service is not available at the moment"

    def __init__(self, detail: str | None = None, *, retry_after: int = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})
