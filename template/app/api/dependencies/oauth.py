"""Providers by their names, the browser that a sign-in is bound to, and the services of both."""

import re
from typing import Annotated

from fastapi import Depends, Path, Request, Response

from app.api.dependencies import carrier, services
from app.api.dependencies.resources import DbSession, ResourcesDep
from app.api.dependencies.services import SignInDep
from app.core.auth_providers.registry import Client
from app.core.config.app import SLUG
from app.core.exceptions import NotFound
from app.core.security.opaque_tokens import new_token
from app.services.oauth import STATE_LIFETIME, OAuthLinking, OAuthService, OAuthSignIn

TOKEN = re.compile(r"[\w-]{43}")


async def _get_client(
    provider: Annotated[str, Path(max_length=64)], resources: ResourcesDep
) -> Client:
    found = resources.oauth_providers.get(provider)
    if found is None:
        raise NotFound
    return found


ClientDep = Annotated[Client, Depends(_get_client)]


class Browser:
    """A browser, by a cookie that no script reads; sign-ins in several tabs share it."""

    def __init__(self, request: Request, resources: ResourcesDep) -> None:
        self.secure = not resources.settings.app.is_development
        self.name = f"__Host-{SLUG}-oauth" if self.secure else f"{SLUG}-oauth"
        shown = request.cookies.get(self.name, "")
        self.shown = shown if TOKEN.fullmatch(shown) else None
        self.token = self.shown or new_token()

    def remember(self, response: Response) -> None:
        """Set the cookie that the sign-in is bound to."""
        response.set_cookie(
            self.name,
            self.token,
            max_age=2 * int(STATE_LIFETIME.total_seconds()),
            secure=self.secure,
            httponly=True,
            samesite="lax",  # it has to come along when the provider sends people back
        )


BrowserDep = Annotated[Browser, Depends(Browser)]


async def _get_oauth_service(
    session: DbSession, resources: ResourcesDep, client: ClientDep
) -> OAuthService:
    return OAuthService(session, resources.settings.app, client, listeners=services.AUTH_LISTENERS)


OAuthServiceDep = Annotated[OAuthService, Depends(_get_oauth_service)]


async def _get_linking(
    session: DbSession, resources: ResourcesDep, oauth: OAuthServiceDep
) -> OAuthLinking:
    return OAuthLinking(oauth, services.make_confirmation(session, resources))


LinkingDep = Annotated[OAuthLinking, Depends(_get_linking)]


async def _get_oauth_sign_in(
    session: DbSession, sign_in: SignInDep
) -> OAuthSignIn[carrier.Credentials]:
    return OAuthSignIn(session, sign_in)


OAuthSignInDep = Annotated[OAuthSignIn[carrier.Credentials], Depends(_get_oauth_sign_in)]
