"""A TCP proxy in front of one server, which hangs, drags or ends its connections on demand."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self

CHUNK = 65_536


class Proxy:
    """Listens on a port of its own, with its own loop in its own thread, until the block ends.

    Any thread may call the methods; each returns once the change is in force.
    """

    port: int

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._flowing = asyncio.Event()
        self._delay = 0.0
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._flowing.set()
        self._run(self._listen(0))
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def freeze(self) -> None:
        """Accept and hold; forward nothing either way."""
        self._loop.call_soon_threadsafe(self._flowing.clear)
        self._run(asyncio.sleep(0))

    def slow(self, seconds: float) -> None:
        """Forward each chunk so much later, either way."""
        self._delay = seconds

    def cut(self) -> None:
        """End what is open, and refuse what is new."""
        self._run(self._end())

    def restore(self) -> None:
        """Pass everything on again."""
        self._delay = 0.0
        self._run(self._restore())

    def _run(self, call: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(call, self._loop).result(timeout=30)

    async def _listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _restore(self) -> None:
        self._flowing.set()
        if self._server is None:
            await self._listen(self.port)

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        ended = [*self._handlers]
        for handler in ended:
            handler.cancel()
        await asyncio.gather(*ended, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not the task that the server has made, whose cancellation it would report.
        handler = asyncio.create_task(self._serve(reader, writer))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = [writer]
        try:
            behind, beyond = await asyncio.open_connection(*self._upstream)
            opened.append(beyond)
            pumps = [
                asyncio.create_task(self._pump(reader, beyond)),
                asyncio.create_task(self._pump(behind, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass
        finally:
            for each in opened:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._flowing.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                writer.write(chunk)
                await writer.drain()
