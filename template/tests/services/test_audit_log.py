import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies import services
from app.api.dependencies.audit_log import audit_log_service
from app.core.events import Event, publish
from app.services.use_case import use_case
from tests.fixtures.api import Api, load, running
from tests.fixtures.database import Database


@dataclass(frozen=True, slots=True)
class EngineSold(Event):
    """An event as a project adds its own."""

    user_id: UUID
    actor_id: UUID
    engine_id: UUID
    sold_at: datetime
    card_number: str = field(repr=False)


class Shop:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    @use_case
    async def sell(self, event: EngineSold) -> None:
        await publish(self.session, event, services.AUTH_LISTENERS)


async def test_an_event_of_the_project_has_a_row_by_itself(api: Api, database: Database) -> None:
    buyer, seller, engine = (UUID(int=number) for number in range(3))
    async with api.resources.sessions() as session:
        sold = datetime(2026, 1, 31, tzinfo=UTC)
        await Shop(session).sell(EngineSold(buyer, seller, engine, sold, card_number="4111"))
    [(action, target, actor, details)] = await database.fetch(
        "SELECT action, target_id, actor_id, details FROM audit_logs"
    )
    assert (action, target, actor) == ("engine_sold", buyer, seller)
    assert json.loads(details) == {"engine_id": str(engine), "sold_at": "2026-01-31T00:00:00Z"}


async def test_a_purge_leaves_no_connection_that_deletes(
    environment: dict[str, str], database: Database
) -> None:
    single = {"DATABASE_POOL_SIZE": "1", "DATABASE_MAX_OVERFLOW": "0"}
    setting = select(func.current_setting("audit_log.purge_before", True))
    await database.execute(
        "INSERT INTO audit_logs (id, created_at, action, details)"
        " VALUES (gen_random_uuid(), now() - interval '2 years', 'x', '{}')"
    )
    async with running(load(environment | single)) as api, api.resources.sessions() as session:
        assert await (await audit_log_service(session, api.resources)).purge() == 1
        assert not await session.scalar(setting)
