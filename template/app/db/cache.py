"""What a session has written, so that nothing in the cache outlives it."""

from sqlalchemy import event, inspect
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from app.core.cache import Cache
from app.db.engine import GuardedSession

__all__ = ["Cache", "watch"]

CACHE, WRITTEN = "cache", "written_tables"


class VoidingSession(AsyncSession):
    """A session whose commit voids what is tagged with the tables that it has written to."""

    async def commit(self) -> None:
        try:
            await super().commit()
        finally:
            # Also if the connection broke, and nobody knows whether it was committed.
            cache: Cache = self.info[CACHE]
            await cache.invalidate(self.info.pop(WRITTEN, ()))

    async def rollback(self) -> None:
        self.info.pop(WRITTEN, None)
        await super().rollback()


def watch(
    sessions: async_sessionmaker[AsyncSession], cache: Cache
) -> async_sessionmaker[AsyncSession]:
    """Return a factory of sessions that tell the cache what they have written."""
    return async_sessionmaker(class_=VoidingSession, info={CACHE: cache}, **sessions.kw)


@event.listens_for(GuardedSession, "after_flush")
def _note_rows(session: Session, _: UOWTransaction) -> None:
    for row in (*session.new, *session.dirty, *session.deleted):
        _note(session, *(str(table) for table in inspect(row).mapper.tables))


@event.listens_for(GuardedSession, "do_orm_execute")
def _note_statement(state: ORMExecuteState) -> None:
    if not state.is_select and (table := getattr(state.statement, "table", None)) is not None:
        _note(state.session, table.name)


def _note(session: Session, *tables: str) -> None:
    session.info.setdefault(WRITTEN, set()).update(tables)
