import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.api.dependencies.resources import Resources
from app.tasks.engine.worker import open_worker


@asynccontextmanager
async def worker_in_app(resources: Resources) -> AsyncIterator[None]:
    """Run a worker beside the application, where nobody would start `app worker`."""
    settings = resources.settings
    wanted = settings.tasks.worker_in_app
    if not (settings.app.is_development if wanted is None else wanted):
        yield
        return
    stopping = asyncio.Event()
    async with open_worker(settings, resources.sessions) as worker:
        task = asyncio.create_task(worker.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await task
