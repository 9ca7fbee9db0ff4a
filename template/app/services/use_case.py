"""One transaction per use case."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.exceptions import AppError
from app.db.engine import IN_USE_CASE, TRANSACTION

ATTEMPTS = 3
RETRYABLE = {"40001", "40P01"}  # serialization_failure, deadlock_detected


class HasSession(Protocol):
    @property
    def session(self) -> AsyncSession: ...


Service = TypeVar("Service", bound=HasSession)
P = ParamSpec("P")
R = TypeVar("R")
Method = Callable[Concatenate[Service, P], Awaitable[R]]


def use_case(method: Method[Service, P, R]) -> Method[Service, P, R]:
    """Run a service's method in one transaction, committed before it returns.

    A use case that another one calls joins its transaction. Deadlocks and serialisation failures
    run the outermost one again as a whole, at most three times, so its arguments must be plain
    values and its effects outside the database must wait for the commit.
    """

    @wraps(method)
    async def run(self: Service, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.session.info.get(IN_USE_CASE):
            return await method(self, *args, **kwargs)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await _run_once(self.session, lambda: method(self, *args, **kwargs))
            except DBAPIError as error:
                if attempt == ATTEMPTS or sqlstate(error) not in RETRYABLE:
                    raise
            await asyncio.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311
        raise AssertionError("unreachable")

    return run


async def _run_once(session: AsyncSession, call: Callable[[], Awaitable[R]]) -> R:
    # A read before may have left the session on a connection without a transaction.
    await session.rollback()
    await session.connection(execution_options={"isolation_level": TRANSACTION})
    session.info[IN_USE_CASE] = True
    try:
        result = await call()
        await session.commit()
    except AppError as error:
        await (session.commit() if error.commits else session.rollback())
        raise
    except BaseException:
        await session.rollback()
        raise
    finally:
        session.info[IN_USE_CASE] = False
    return result


def sqlstate(error: DBAPIError) -> str | None:
    """Return PostgreSQL's five-character code of an error."""
    return getattr(error.orig, "sqlstate", None)
