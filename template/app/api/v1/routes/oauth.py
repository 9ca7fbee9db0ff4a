from collections.abc import Awaitable
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, status
from fastapi.responses import RedirectResponse

from app.api.dependencies.auth import DeviceDep
from app.api.dependencies.entrance import EntranceDep, SignedIn
from app.api.dependencies.oauth import (
    BrowserDep,
    OAuthServiceDep,
    OAuthSignInDep,
)
from app.api.dependencies.resources import ResourcesDep
from app.api.dependencies.services import LOGIN_ERRORS
from app.api.errors import errors
from app.core.config.oauth import ProviderSettings
from app.core.exceptions import AppError, EmailTaken, InvalidCredentials, NotFound, TokenInvalid
from app.schemas.oauth import ExchangeRequest, NextPath, ProviderAnswer, ProviderList, ProviderView
from app.services.identities import AccountDisabled, AddressNotVerified, IdentityTaken
from app.services.oauth import (
    BadGateway,
    OAuthDenied,
    OAuthStateInvalid,
    ProviderUnavailable,
)

router = APIRouter()

FURTHER_ERRORS = [error for error in LOGIN_ERRORS if error is not InvalidCredentials]


@router.get("/providers", summary="List the providers whose accounts sign in here")
async def list_providers(request: Request, resources: ResourcesDep) -> ProviderList:
    clients = resources.oauth_providers.values()
    return ProviderList(items=[_show(client.settings, request) for client in clients])


@router.get(
    "/{provider}/initiate",
    summary="Send the browser to a provider",
    status_code=status.HTTP_302_FOUND,
    response_class=RedirectResponse,
    responses=errors(NotFound, ProviderUnavailable, BadGateway),
)
async def initiate(
    oauth: OAuthServiceDep,
    browser: BrowserDep,
    request: Request,
    next: Annotated[NextPath, Query()] = "/",  # noqa: A002
) -> RedirectResponse:
    """Open it as a page: the cookie that it sets binds the sign-in to this browser."""
    response = await _go(request, oauth.settings, oauth.begin(browser.token, next=next))
    browser.remember(response)
    return response


@router.get(
    "/{provider}/callback",
    summary="Take the browser back from a provider",
    status_code=status.HTTP_302_FOUND,
    response_class=RedirectResponse,
    responses=errors(
        OAuthStateInvalid,
        OAuthDenied,
        AddressNotVerified,
        AccountDisabled,
        NotFound,
        EmailTaken,
        IdentityTaken,
        BadGateway,
        ProviderUnavailable,
    ),
)
async def callback(
    oauth: OAuthServiceDep,
    browser: BrowserDep,
    request: Request,
    answer: Annotated[ProviderAnswer, Query()],
) -> RedirectResponse:
    """Go on to the front end with a code, or, where a page was asked for, with an error's code."""
    return await _go(request, oauth.settings, oauth.finish(browser.shown, answer))


@router.post(
    "/exchange",
    summary="Exchange the code of a sign-in at a provider for a session",
    responses=errors(TokenInvalid, *FURTHER_ERRORS),
)
async def exchange(
    request: ExchangeRequest,
    device: DeviceDep,
    oauth: OAuthSignInDep,
    browser: BrowserDep,
    entrance: EntranceDep,
) -> SignedIn:
    """Answer as a sign-in with a password does; only the browser that has begun it can do this."""
    device_token = entrance.device_token(request)
    credentials = await oauth.exchange(
        request.code, browser.shown, device, device_token=device_token
    )
    return await entrance.admit(credentials)


def _show(settings: ProviderSettings, request: Request) -> ProviderView:
    url = request.app.url_path_for("initiate", provider=settings.provider)
    return ProviderView(name=settings.provider, title=settings.title, initiate_url=url)


async def _go(
    request: Request, settings: ProviderSettings, target: Awaitable[str]
) -> RedirectResponse:
    """Redirect; what goes wrong is told by the front end where a page was asked for."""
    try:
        url = await target
    except AppError as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        url = settings.page(urlencode({"error": error.code}))
    return RedirectResponse(url, status.HTTP_302_FOUND)
