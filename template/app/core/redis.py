"""Redis, and how long anybody waits for it."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Self, TypeVar

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from app.core.config.redis import RedisSettings
from app.core.exceptions import ServiceUnavailable
from app.core.logging import get_logger

R = TypeVar("R")

log = get_logger("app.redis")


class RedisClient:
    """Redis with a budget of time for each call, from the wait for a connection to the answer.

    After some failures in a row it is not asked for a while: a circuit breaker.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self.timeout = settings.timeout
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=settings.breaker_threshold,
            default_ttl=settings.breaker_pause,
            # A command that is refused has had an answer, and one that was given up never will.
            exclude=[ResponseError, asyncio.CancelledError],
        )
        self.commands = Redis.from_pool(
            BlockingConnectionPool.from_url(
                settings.url.get_secret_value(),
                max_connections=settings.max_connections,
                timeout=settings.timeout,
                # A connection may be dead, as all are after a restart of the server.
                retry=Retry(NoBackoff(), 1),
                # To open one costs a round trip then, not three, out of the budget of the call.
                protocol=2,
                driver_info=None,
            )
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.commands.aclose()

    async def ask(self, call: Awaitable[R]) -> R:
        """Wait for the answer to a command; raise `ServiceUnavailable` if there is none in time."""
        breaker = await self._breakers.get_breaker("redis")
        try:
            async with breaker, asyncio.timeout(self.timeout):
                return await call
        except OpenedState:
            if isinstance(call, Coroutine):
                call.close()
            raise ServiceUnavailable from None
        except (RedisError, OSError) as error:
            cause = f"{type(error).__name__}: {error}"
            log.error("a resource is away", error=cause)  # noqa: TRY400  # its trace says nothing
            raise ServiceUnavailable from None

    async def check(self) -> str:
        """Tell whether it answers, as a check of health."""
        try:
            await self.ask(self.commands.ping())
        except ServiceUnavailable:
            return "unreachable"
        return "ok"
