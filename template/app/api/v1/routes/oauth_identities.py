from fastapi import APIRouter, Response, status

from app.api.dependencies.auth import CurrentUser
from app.api.dependencies.identities import IdentityServiceDep
from app.api.dependencies.oauth import BrowserDep, LinkingDep
from app.api.errors import errors
from app.core.exceptions import NotFound, RecentLoginRequired, WrongPassword
from app.schemas.oauth import IdentityList, IdentityView, LinkRequest, LinkStarted
from app.services.identities import LastCredential
from app.services.oauth import BadGateway, ProviderUnavailable

router = APIRouter()


@router.get("", summary="List the accounts at providers that sign in to the own one")
async def list_identities(principal: CurrentUser, identities: IdentityServiceDep) -> IdentityList:
    found = await identities.list(principal)
    return IdentityList(items=[IdentityView.model_validate(row) for row in found])


@router.post(
    "/{provider}",
    summary="Begin to link an account at a provider",
    responses=errors(NotFound, WrongPassword, RecentLoginRequired, BadGateway, ProviderUnavailable),
)
async def link(
    request: LinkRequest,
    principal: CurrentUser,
    browser: BrowserDep,
    linking: LinkingDep,
    response: Response,
) -> LinkStarted:
    """Answer with where to send this browser to, which the cookie of the answer binds it to."""
    url = await linking.begin(browser.token, request, principal=principal)
    browser.remember(response)
    return LinkStarted(authorization_url=url)


@router.delete(
    "/{provider}",
    summary="Unlink an account at a provider",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(NotFound, LastCredential),
)
async def unlink(provider: str, principal: CurrentUser, identities: IdentityServiceDep) -> None:
    await identities.unlink(provider, principal=principal)
