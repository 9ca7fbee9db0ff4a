from fastapi import Depends

from app.api.dependencies.resources import ResourcesDep
from app.core.exceptions import ServiceUnavailable


async def _refuse_when_stopping(resources: ResourcesDep) -> None:
    if resources.shutdown.begun:
        raise ServiceUnavailable("shutting down")


# Once the process was told to stop, a route with this is 503.
NOT_STOPPING = Depends(_refuse_when_stopping)
