from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from app.services.tasks import TASKS
from app.tasks.engine.broker import STREAM
from tests.fixtures.database import Database
from tests.tasks.crew import Crew


@pytest.fixture(autouse=True)
def _tasks_restored() -> Iterator[None]:
    """Forget the tasks that a test has made."""
    kept = dict(TASKS)
    yield
    TASKS.clear()
    TASKS.update(kept)


@pytest.fixture
async def crew(
    environment: dict[str, str], database: Database, valkey: Redis
) -> AsyncIterator[Crew]:
    """Workers, and the table in which what they did can be seen."""
    await database.execute("CREATE TABLE effects (name text, arguments text)")
    yield Crew(environment, database, valkey)
    await valkey.delete(STREAM)
    await database.execute("DROP TABLE effects")
