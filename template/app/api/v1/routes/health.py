from fastapi import APIRouter

from app.api.dependencies.services import HealthServiceDep
from app.api.dependencies.shutdown import NOT_STOPPING
from app.api.errors import errors
from app.core.exceptions import ServiceUnavailable
from app.services.health import HealthReport, Liveness

router = APIRouter(prefix="/health", tags=["health"])


@router.get("", summary="Tell how the service is", response_model_exclude_none=True)
async def report(health: HealthServiceDep) -> HealthReport:
    return await health.report()


@router.get("/live", summary="Answer as long as the process does")
async def live() -> Liveness:
    return Liveness()


@router.get(
    "/ready",
    summary="Answer 200 when requests can be served",
    response_model_exclude_none=True,
    dependencies=[NOT_STOPPING],
    responses=errors(ServiceUnavailable),
)
async def ready(health: HealthServiceDep) -> HealthReport:
    return await health.ready()
