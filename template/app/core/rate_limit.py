"""How often somebody may call: sliding windows, which all processes share through Redis."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from app.core.config.rate_limit import RateLimitSettings
from app.core.exceptions import AppError, ServiceUnavailable
from app.core.redis import RedisClient

# Each key lists when the calls of its window came, by Redis' clock, in microseconds. A call counts
# in one window after the other, up to the first that has no room for it. The answer has for each of
# these whether there was room, its calls, and the microseconds until the oldest of them leaves it.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local answer = {}
for i, key in ipairs(KEYS) do
    local limit, seconds = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local oldest = redis.call('LINDEX', key, -1)
    while oldest and tonumber(oldest) <= now - seconds * 1000000 do
        redis.call('RPOP', key)
        oldest = redis.call('LINDEX', key, -1)
    end
    local used = redis.call('LLEN', key)
    local allowed = used < limit
    if allowed then
        used = redis.call('LPUSH', key, string.format('%d', now))
        redis.call('EXPIRE', key, seconds)
    end
    local reset = (oldest and tonumber(oldest) or now) + seconds * 1000000 - now
    table.insert(answer, {allowed and 1 or 0, used, reset})
    if not allowed then
        break
    end
end
return answer
"""


# The policies that hold in each process while Redis is away; the others don't hold then.
STRICT = {"auth", "account"}


@dataclass(frozen=True, slots=True)
class Window:
    """A limit, and the key of what counts towards it; keys of one call share a hash tag."""

    key: str
    limit: RateLimitItem
    strict: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may go on, what is left of a window, and in how many seconds there is more."""

    window: Window
    allowed: bool
    remaining: int
    reset_after: float

    @property
    def headers(self) -> dict[str, str]:
        """Return the header fields that tell a client (draft-ietf-httpapi-ratelimit-headers-07)."""
        return {
            "RateLimit-Limit": str(self.window.limit.amount),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(math.ceil(self.reset_after)),
        }


class RateLimited(AppError):
    status, code, title = 429, "rate_limited", "Too many requests"

    def __init__(self, verdict: Verdict) -> None:
        wait = max(1, math.ceil(verdict.reset_after))
        super().__init__(f"Try again in {wait} s", headers={"Retry-After": str(wait)})


class RateLimiter:
    """Counts calls, in Redis by one round trip; while that is away, in this process alone."""

    def __init__(self, redis: RedisClient, settings: RateLimitSettings) -> None:
        self.limits = {name: parse(limit) for name, limit in settings.model_dump().items()}
        self._redis = redis
        self._script = redis.commands.register_script(SCRIPT)
        self._local = MovingWindowRateLimiter(MemoryStorage())

    def window(self, policy: str, operation: str, who: str) -> Window:
        """Return what a call counts towards; a strict policy counts each route by itself."""
        strict = policy in STRICT
        scope = f"{{{operation}}}:{policy}" if strict else policy
        return Window(f"rate_limit:{scope}:{who}", self.limits[policy], strict)

    async def take(self, windows: Sequence[Window]) -> Verdict | None:
        """Count a call in one window after the other, as long as there is room.

        Return nothing where Redis is away and none of them is strict.
        """
        limits = [window.limit for window in windows]
        numbers = [number for limit in limits for number in (limit.amount, limit.get_expiry())]
        call = self._script([window.key for window in windows], numbers)
        try:
            counts = await self._redis.ask(call)
        except ServiceUnavailable:
            return await self._take_locally([window for window in windows if window.strict])
        found = [
            Verdict(window, bool(allowed), max(0, window.limit.amount - used), reset / 1e6)
            for window, (allowed, used, reset) in zip(windows, counts, strict=False)
        ]
        return _told_of(found)

    async def _take_locally(self, windows: Sequence[Window]) -> Verdict | None:
        found = []
        for window in windows:
            allowed = await self._local.hit(window.limit, window.key)
            reset_at, remaining = await self._local.get_window_stats(window.limit, window.key)
            found.append(Verdict(window, allowed, remaining, max(0.0, reset_at - time.time())))
            if not allowed:
                break
        return _told_of(found)


def _told_of(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the verdict that refuses, or else the first."""
    if not verdicts:
        return None
    return verdicts[0] if verdicts[-1].allowed else verdicts[-1]
