from typing import Annotated

from fastapi import APIRouter, Query

from app.api.dependencies.audit_log import AuditLogServiceDep, Auditor
from app.api.errors import errors
from app.core.exceptions import Forbidden
from app.schemas.audit_log import AuditLogPage, AuditLogQuery, AuditLogView, KeysetPage
from app.schemas.base import Page

router = APIRouter()


@router.get("", summary="List what happened to accounts", responses=errors(Forbidden))
async def list_audit_logs(
    _: Auditor, query: Annotated[AuditLogQuery, Query()], audit_logs: AuditLogServiceDep
) -> AuditLogPage:
    if query.cursor is None:
        return AuditLogPage(Page[AuditLogView].of(await audit_logs.list(query), query))
    return AuditLogPage(KeysetPage.of(await audit_logs.list_after(query), query))
