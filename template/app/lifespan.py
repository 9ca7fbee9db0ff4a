"""What lives as long as the application."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI

from app import project
from app.api.dependencies.resources import Resources, open_resources
from app.core.config import Settings


class State(TypedDict):
    resources: Resources


def make_lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    """Make the lifespan that opens everything and closes it in reverse order."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with open_resources(settings) as resources, project.lifespan(settings):
            yield {"resources": resources}

    return lifespan
