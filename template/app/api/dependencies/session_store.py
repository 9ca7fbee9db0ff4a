"""The cookies of a session, by the names and attributes that keep others from touching them."""

from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyCookie

from app.api.dependencies.resources import ResourcesDep
from app.core.config import Settings
from app.core.config.app import SLUG
from app.core.security.csrf import CsrfTokens
from app.core.security.opaque_tokens import new_token
from app.schemas.csrf import CsrfToken, SignedIn
from app.schemas.users import UserView
from app.services.lockout import DEVICES_REMEMBERED
from app.services.session_store import SessionCredentials

# Marks the id of who has not signed in; nothing is stored of it.
ANONYMOUS = "anonymous."


class SessionCookies:
    """Reads the cookies of a request, and sets those of its answer.

    The prefix `__Host-` makes browsers refuse such a cookie from other hosts and without TLS (RFC
    6265bis, 4.1.3.2); only in development, where there is none, the names are plain.
    """

    def __init__(
        self, request: Request, response: Response, settings: Settings, tokens: CsrfTokens
    ) -> None:
        self.request = request
        self.response = response
        self.settings = settings
        self.tokens = tokens
        self.secure = not settings.app.is_development
        self.name = f"__Host-{SLUG}" if self.secure else SLUG

    @property
    def session_token(self) -> str | None:
        """Return the id of a session that was signed in to, whether it is still alive or not."""
        token = self.request.cookies.get(self.name)
        return None if not token or token.startswith(ANONYMOUS) else token

    @property
    def device_token(self) -> str | None:
        return self.request.cookies.get(f"{self.name}-device")

    def proves_origin(self, token: str) -> bool:
        """Tell whether a CSRF token came with the cookies of this request, and was issued so."""
        session = self.request.cookies.get(self.name, "")
        return token == self.request.cookies.get(f"{self.name}-csrf") and (
            bool(session) and self.tokens.fits(token, session)
        )

    def issue_csrf(self) -> CsrfToken:
        """Set a CSRF token for the session, or for an anonymous one."""
        session = self.request.cookies.get(self.name)
        if not session:
            session = f"{ANONYMOUS}{new_token()}"
            self._set(self.name, session, http_only=True)
        return CsrfToken(csrf_token=self._set_csrf(session))

    def sign_in(self, credentials: SessionCredentials) -> SignedIn:
        """Replace whatever session there was."""
        lifetime = self.settings.session.absolute_lifetime
        self._set(self.name, credentials.session_token, http_only=True, max_age=lifetime)
        if credentials.device_token:
            remembered = int(DEVICES_REMEMBERED.total_seconds())
            device = f"{self.name}-device"
            self._set(device, credentials.device_token, http_only=True, max_age=remembered)
        return SignedIn(
            user=UserView.model_validate(credentials.principal),
            csrf_token=self._set_csrf(credentials.session_token),
        )

    def sign_out(self) -> None:
        for name in (self.name, f"{self.name}-csrf"):
            self._set(name, "", http_only=True, max_age=0)

    def _set_csrf(self, session: str) -> str:
        token = self.tokens.issue(session)
        # Scripts of the front end read it, to send it in a header.
        self._set(f"{self.name}-csrf", token, http_only=False)
        return token

    def _set(self, name: str, value: str, *, http_only: bool, max_age: int | None = None) -> None:
        self.response.set_cookie(
            name,
            value,
            max_age=max_age,
            secure=self.secure,
            httponly=http_only,
            samesite=self.settings.session.same_site,
        )


async def _get_cookies(
    request: Request, response: Response, resources: ResourcesDep
) -> SessionCookies:
    return SessionCookies(request, response, resources.settings, resources.carrier.csrf_tokens)


CookiesDep = Annotated[SessionCookies, Depends(_get_cookies)]
# For the document only: the name of the cookie depends on the environment.
COOKIE = APIKeyCookie(name=f"__Host-{SLUG}", auto_error=False)
