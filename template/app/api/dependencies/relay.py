import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.api.dependencies.resources import Resources
from app.email.relay import open_relay

GRACE = 5.0  # seconds for what is being sent at the end


@asynccontextmanager
async def relay_in_app(resources: Resources) -> AsyncIterator[None]:
    """Run a relay beside the application, unless processes of their own do that."""
    if not resources.settings.outbox.relay_in_app:
        yield
        return
    stopping = asyncio.Event()
    async with open_relay(resources.settings, resources.sessions) as relay:
        task = asyncio.create_task(relay.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            # What is cut off is sent by another relay, once the claim has ended.
            with suppress(TimeoutError):
                await asyncio.wait_for(task, GRACE)
