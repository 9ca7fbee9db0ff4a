"""When Redis is asked, and when no more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from app.core.exceptions import ServiceUnavailable
from app.core.redis import RedisClient
from tests.fixtures.api import load

PAUSE = 0.5
THRESHOLD = 3


@dataclass
class Silent:
    """A server that accepts connections and says nothing."""

    port: int = 0
    connections: list[asyncio.StreamWriter] = field(default_factory=list)

    def accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    silent = Silent()
    server = await asyncio.start_server(silent.accept, "127.0.0.1", 0)
    silent.port = server.sockets[0].getsockname()[1]
    yield silent
    server.close()
    for writer in silent.connections:
        writer.transport.abort()


def client(environment: dict[str, str], **variables: str) -> RedisClient:
    given = {"REDIS_BREAKER_THRESHOLD": str(THRESHOLD), "REDIS_BREAKER_PAUSE": str(PAUSE)}
    return RedisClient(load({**environment, **given, **variables}).redis)


async def test_who_does_not_answer_is_not_asked_for_a_while(
    environment: dict[str, str], silent: Silent
) -> None:
    url = f"redis://127.0.0.1:{silent.port}/0"
    async with client(environment, REDIS_URL=url, REDIS_TIMEOUT="0.05") as redis:
        for _ in range(THRESHOLD):
            assert await redis.check() == "unreachable"
        asked = len(silent.connections)
        assert asked >= THRESHOLD
        for _ in range(20):
            assert await redis.check() == "unreachable"
        assert len(silent.connections) == asked
        await asyncio.sleep(PAUSE)
        assert await redis.check() == "unreachable"
        assert len(silent.connections) > asked


async def test_a_command_that_is_refused_is_an_answer(
    environment: dict[str, str], valkey: Redis
) -> None:
    await valkey.set("a text", "x")
    async with client(environment) as redis:
        for _ in range(2 * THRESHOLD):
            with pytest.raises(ServiceUnavailable):
                await redis.ask(redis.commands.lpush("a text", "x"))
        assert await redis.check() == "ok"
    await valkey.delete("a text")
