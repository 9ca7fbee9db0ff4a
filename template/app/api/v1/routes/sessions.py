from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from app.api.dependencies.auth import CurrentUser
from app.api.dependencies.services import AuthServiceDep
from app.api.errors import errors
from app.core.exceptions import NotFound
from app.schemas.base import Page, PageQuery
from app.schemas.sessions import SessionView

router = APIRouter()


@router.post("/logout", summary="Sign out this device", status_code=status.HTTP_204_NO_CONTENT)
async def logout(principal: CurrentUser, auth: AuthServiceDep) -> None:
    await auth.logout(principal)


@router.post("/logout-all", summary="Sign out all devices", status_code=status.HTTP_204_NO_CONTENT)
async def logout_all(principal: CurrentUser, auth: AuthServiceDep) -> None:
    await auth.logout_all(principal)


@router.get("/sessions", summary="List the devices that are signed in")
async def list_sessions(
    principal: CurrentUser, query: Annotated[PageQuery, Query()], auth: AuthServiceDep
) -> Page[SessionView]:
    found = await auth.list_sessions(principal, query)
    return Page[SessionView].of(found, query, view=SessionView.for_device(principal.session_id))


@router.delete(
    "/sessions/{session_id}",
    summary="Sign out a device",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(NotFound),
)
async def revoke_session(session_id: UUID, principal: CurrentUser, auth: AuthServiceDep) -> None:
    await auth.revoke_session(session_id, principal=principal)
