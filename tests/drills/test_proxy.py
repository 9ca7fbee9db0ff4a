"""The proxy itself, in front of a server that sends back what it gets."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.drills.proxy import Proxy

PATIENCE = 5


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        connection: socket.socket = self.request
        while chunk := connection.recv(1024):
            connection.sendall(chunk)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            with Proxy(("127.0.0.1", server.server_address[1])) as proxy:
                yield proxy
        finally:
            server.shutdown()
            thread.join()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)


def say(connection: socket.socket, text: bytes) -> tuple[bytes, float]:
    """Return what comes back, and how long that took."""
    begun = time.monotonic()
    connection.sendall(text)
    return connection.recv(1024), time.monotonic() - begun


def test_it_passes_on_and_drags(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert say(connection, b"one")[0] == b"one"
        proxy.slow(0.1)
        answer, seconds = say(connection, b"two")
        assert answer == b"two"
        assert seconds >= 0.2
        proxy.restore()
        assert say(connection, b"three")[1] < seconds


def test_it_holds_what_comes_while_it_is_frozen(proxy: Proxy) -> None:
    with connect(proxy) as before:
        say(before, b"one")
        proxy.freeze()
        with connect(proxy) as during:
            for connection in (before, during):
                connection.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    say(connection, b"two")
                connection.settimeout(PATIENCE)
            proxy.restore()
            assert [before.recv(1024), during.recv(1024)] == [b"two", b"two"]


def test_it_ends_connections_and_refuses_others_until_it_is_restored(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        say(connection, b"one")
        proxy.cut()
        # An end in order is no answer either.
        with suppress(ConnectionResetError):
            assert connection.recv(1024) == b""
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
    proxy.restore()
    with connect(proxy) as connection:
        assert say(connection, b"two")[0] == b"two"
