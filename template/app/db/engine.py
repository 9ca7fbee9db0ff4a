"""The engine and its sessions."""

import asyncio
from typing import Any

from asyncpg import DuplicateDatabaseError, InvalidCatalogNameError, UniqueViolationError
from sqlalchemy import event, text
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.pool import NullPool

from app.core.config.database import DatabaseSettings

TRANSACTION = "READ COMMITTED"
IN_USE_CASE = "in_use_case"
# What is prepared has no name and is kept nowhere: the next transaction is somewhere else.
POOLED: dict[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}


class GuardedSession(Session):
    """A session that writes only inside a use case."""


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Make an engine whose connections commit each statement, as reads need no transaction.

    `@use_case` asks for a transaction where one is needed. No connection is tested before use; the
    first failure on a dead one replaces the whole pool. Behind a pooler, all is in transactions:
    a statement is prepared and then run, which may be on two connections otherwise.
    """
    engine = create_async_engine(
        settings.connection_url,
        isolation_level=TRANSACTION if settings.behind_pooler else "AUTOCOMMIT",
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        hide_parameters=True,
        pool_timeout=settings.pool_timeout,
        connect_args={
            "timeout": settings.connect_timeout,
            "command_timeout": settings.statement_timeout,
            **(POOLED if settings.behind_pooler else _limits(settings)),
        },
    )
    event.listen(engine.sync_engine, "handle_error", _drop_silent)
    return engine


def _limits(settings: DatabaseSettings) -> dict[str, Any]:
    """Return how long the server waits by itself, also for a client that has stopped to answer."""
    seconds = {
        "lock_timeout": settings.lock_timeout,
        "statement_timeout": settings.statement_timeout,
        "idle_in_transaction_session_timeout": settings.statement_timeout,
    }
    return {"server_settings": {name: f"{1000 * value:.0f}" for name, value in seconds.items()}}


def _drop_silent(context: ExceptionContext) -> None:
    """Drop a connection that gives no answer: to end it in order would take two seconds more."""
    silent = isinstance(context.original_exception, TimeoutError | asyncio.CancelledError)
    if silent and context.connection is not None and not context.connection.invalidated:
        context.is_disconnect = True
        driver = context.connection.connection.driver_connection
        if driver is not None:
            driver.terminate()


def create_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Make a factory of sessions whose objects stay readable after the commit."""
    return async_sessionmaker(engine, sync_session_class=GuardedSession, expire_on_commit=False)


async def ensure_database(url: URL) -> bool:
    """Make the database that the URL names, unless it is there; tell whether it was made."""
    try:
        async with create_async_engine(url, poolclass=NullPool).connect():
            return False
    except DBAPIError as error:
        if not isinstance(error.driver_exception, InvalidCatalogNameError):
            raise
    server = create_async_engine(
        url.set(database="postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    name = server.dialect.identifier_preparer.quote_identifier(str(url.database))
    try:
        async with server.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
    except DBAPIError as error:
        # Somebody else was faster; which of the two it is depends on by how much.
        if not isinstance(error.driver_exception, DuplicateDatabaseError | UniqueViolationError):
            raise
        return False
    return True


@event.listens_for(GuardedSession, "before_flush")
def _refuse_flush(session: Session, *_: object) -> None:
    _refuse_outside_use_case(session)


@event.listens_for(GuardedSession, "do_orm_execute")
def _refuse_statement(state: ORMExecuteState) -> None:
    if not state.is_select:
        _refuse_outside_use_case(state.session)


def _refuse_outside_use_case(session: Session) -> None:
    # Each statement would commit by itself there, and half of a failed change would stay.
    if not session.info.get(IN_USE_CASE):
        raise RuntimeError("a session writes only inside a method marked @use_case")
