"""Redis under attack, past everything that guards it: to empty it, to turn it back, and to look."""

from collections.abc import Iterable
from typing import Any, cast

from redis import Redis

SESSIONS = "session:*"
Snapshot = dict[bytes, tuple[bytes, int]]


class Store:
    """One connection to the Redis of a deployment."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url)

    def keys(self, pattern: str = "*") -> list[bytes]:
        return sorted(cast("Iterable[bytes]", self.redis.scan_iter(pattern, count=1000)))

    def values(self, keys: list[bytes]) -> list[bytes | None]:
        return cast("list[bytes | None]", self.redis.mget(keys)) if keys else []

    def snapshot(self) -> Snapshot:
        """Return every session with its value and how long it lives, as a backup holds them."""
        commands = self.redis.pipeline()
        keys = self.keys(SESSIONS)
        for key in keys:
            commands.dump(key)
            commands.pttl(key)
        answers: list[Any] = commands.execute()
        return dict(zip(keys, zip(answers[::2], answers[1::2], strict=True), strict=True))

    def restore(self, snapshot: Snapshot) -> None:
        for key, (value, milliseconds) in snapshot.items():
            self.redis.restore(key, max(milliseconds, 0), value, replace=True)

    def text(self) -> str:
        """Return every key, and every value that is one text."""
        keys = self.keys()
        return "\n".join(
            f"{key.decode()} {(value or b'').decode()}"
            for key, value in zip(keys, self.values(keys), strict=True)
        )
