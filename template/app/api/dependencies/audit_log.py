from typing import Annotated

from fastapi import Depends

from app.api.dependencies import services
from app.api.dependencies.auth import require
from app.api.dependencies.resources import DbSession, ResourcesDep
from app.core.audit_log import READ_AUDIT_LOG
from app.core.security.permissions import Principal
from app.services.audit_log import AuditLogService

Auditor = Annotated[Principal, Depends(require(READ_AUDIT_LOG))]


async def audit_log_service(session: DbSession, resources: ResourcesDep) -> AuditLogService:
    return AuditLogService(
        session,
        retention_days=resources.settings.app.audit_log_retention_days,
        listeners=services.AUTH_LISTENERS,
    )


AuditLogServiceDep = Annotated[AuditLogService, Depends(audit_log_service)]
