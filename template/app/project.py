"""Commands of this project, its sample data, and what it opens at the start and closes at the end.

The file is yours; template updates never touch it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.models.users import User

cli = typer.Typer(name="project", help="Commands of this project.")


@asynccontextmanager
async def lifespan(settings: Settings) -> AsyncIterator[None]:  # noqa: ARG001
    """Open what lives as long as the application."""
    yield


async def seed(session: AsyncSession, person: User) -> None:
    """Give a person of the sample data what is in the tables of this project."""
