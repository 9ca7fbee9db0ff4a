"""Taskiq on a stream of Redis, such that nothing is lost or left over."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeAlias

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from taskiq import AckableMessage
from taskiq_redis import RedisStreamBroker

from app.core.config.redis import RedisSettings
from app.core.logging import get_logger

STREAM = "app:tasks"
GROUP = "workers"
LONGEST_STREAM = 100_000  # what is cut off is queued anew
BLOCK = 2.0  # seconds that Redis waits for a message
IDLE = 30.0  # seconds after which another worker takes what one has not acknowledged
FORGOTTEN = 3600.0  # seconds after which a worker is taken for dead
PAUSE = 1.0  # seconds before Redis is asked again

Entry: TypeAlias = tuple[bytes, dict[bytes, bytes]]

log = get_logger("app.tasks")


class StreamBroker(RedisStreamBroker):
    """The stream broker of taskiq-redis, with four differences.

    It takes over what a dead worker holds while nothing else arrives, deletes what is
    acknowledged, and goes on after a failure of Redis, also if the stream is gone.
    """

    def __init__(self, settings: RedisSettings) -> None:
        super().__init__(
            settings.url.get_secret_value(),
            queue_name=STREAM,
            consumer_group_name=GROUP,
            consumer_id="0",  # the first message may be older than the group
            xread_block=int(BLOCK * 1000),
            maxlen=LONGEST_STREAM,
            idle_timeout=int(IDLE * 1000),
            protocol=2,
            socket_connect_timeout=max(settings.timeout, 1.0),
            socket_timeout=BLOCK + max(settings.timeout, 1.0),
        )

    async def startup(self) -> None:
        """Start also without Redis, which may come later."""
        try:
            await super().startup()
            await self._forget_the_dead()
        except (RedisError, OSError) as error:
            log.warning("Redis is away", error=type(error).__name__)

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield messages for as long as somebody listens."""
        claimed_at = time.monotonic()
        async with Redis(connection_pool=self.connection_pool) as redis:
            while True:
                _go_on()
                try:
                    entries = await self._read(redis)
                    if time.monotonic() - claimed_at >= IDLE / 2:
                        claimed_at = time.monotonic()
                        entries += await self._take_over(redis)
                except ResponseError as error:
                    log.warning("the stream of tasks is made anew", error=str(error)[:100])
                    await self.startup()
                    await asyncio.sleep(PAUSE)
                    continue
                except (RedisError, OSError) as error:
                    log.warning("Redis is away", error=type(error).__name__)
                    await asyncio.sleep(PAUSE)
                    continue
                for key, fields in entries:
                    ack = self._ack_generator(key.decode(), STREAM)
                    yield AckableMessage(data=fields.get(b"data", b""), ack=ack)

    async def _forget_the_dead(self) -> None:
        """Delete workers that are gone and hold nothing; each had a name of its own."""
        async with Redis(connection_pool=self.connection_pool) as redis:
            for consumer in await redis.xinfo_consumers(STREAM, GROUP):
                if consumer["pending"] == 0 and consumer["idle"] > FORGOTTEN * 1000:
                    await redis.xgroup_delconsumer(STREAM, GROUP, consumer["name"])

    async def _read(self, redis: Redis) -> list[Entry]:
        found: Any = await redis.xreadgroup(
            GROUP, self.consumer_name, {STREAM: ">"}, count=1, block=self.block
        )
        return [entry for _, entries in found for entry in entries]

    async def _take_over(self, redis: Redis) -> list[Entry]:
        _, entries, *_ = await redis.xautoclaim(
            STREAM, GROUP, self.consumer_name, self.idle_timeout, count=self.count
        )
        return [entry for entry in entries if entry[1]]

    def _ack_generator(self, id: str, queue_name: str) -> Callable[[], Awaitable[None]]:  # noqa: A002
        async def ack() -> None:
            async with Redis(connection_pool=self.connection_pool) as redis:
                await redis.xdel(queue_name, id)
                # In this order: a worker that dies in between leaves what `_take_over` forgets.
                await redis.xack(queue_name, GROUP, id)

        return ack


def _go_on() -> None:
    """Raise if the caller was cancelled, which a failure of Redis at the same time can hide."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
