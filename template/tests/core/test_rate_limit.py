"""The windows themselves, and what becomes of them while Redis is away."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from tests.fixtures.api import PRODUCTION, Api, assert_problem, faults, load
from tests.fixtures.links import linked
from tests.fixtures.rate_limit import FIELDS, OPEN, WRONG, Limited, assert_limited, told
from tests.fixtures.valkey import away

LOGIN = "/api/v1/auth/login"


async def test_the_window_slides(limited: Limited, valkey: Redis) -> None:
    api = await limited(default="2/minute")
    async with api.client() as client:
        for _ in range(2):
            assert (await client.get(OPEN)).status_code == 200
        [key] = [key async for key in valkey.scan_iter("rate_limit:*")]
        now = time.time()
        for ages, wait in (((10, 59.5), 1), ((10, 40), 20), ((0, 1), 59)):
            await keep(valkey, key, [now - age for age in ages])
            assert wait - 1 <= assert_limited(await client.get(OPEN)) <= wait
        await keep(valkey, key, [now - 30, now - 60])
        allowed = await client.get(OPEN)
        assert (allowed.status_code, *told(allowed)) == (200, 2, 0)
        assert int(allowed.headers["ratelimit-reset"]) <= 30
        assert_limited(await client.get(OPEN))
        assert 0 < await valkey.ttl(key) <= 60


async def keep(valkey: Redis, key: str, times: list[float]) -> None:
    """Let the calls of a window have come at these times, the newest first."""
    await valkey.delete(key)
    await valkey.rpush(key, *(int(moment * 1_000_000) for moment in times))


async def test_a_window_ends(limited: Limited) -> None:
    api = await limited(default="1/second")
    async with api.client() as client, asyncio.timeout(20):
        refused = [await client.get(OPEN)]
        while refused[-1].status_code == 200:
            refused.append(await client.get(OPEN))
        await asyncio.sleep(assert_limited(refused[-1]))
        assert (await client.get(OPEN)).status_code == 200


async def test_of_parallel_calls_to_two_processes_as_many_pass_as_may(limited: Limited) -> None:
    apis = [await limited(default="50/minute") for _ in range(2)]
    async with apis[0].client() as one, apis[1].client() as other:
        calls = (client.get(OPEN) for _ in range(60) for client in (one, other))
        statuses = [response.status_code for response in await asyncio.gather(*calls)]
    assert (statuses.count(200), statuses.count(429)) == (50, 70)


@pytest.mark.parametrize("how", ["cut", "held"])
async def test_without_redis_sign_ins_stay_limited_and_the_rest_goes_on(
    environment: dict[str, str], api: Api, valkey: Redis, how: str
) -> None:
    await valkey.flushdb()
    variables = {
        **environment,
        "REDIS_TIMEOUT": "0.2",
        "RATE_LIMIT_DEFAULT": "1/minute",
        "RATE_LIMIT_AUTH": "2/minute",
    }
    async with linked(variables, "REDIS_URL") as (link, client):
        async with away(link, how), asyncio.timeout(20):
            for _ in range(3):
                response = await client.get(OPEN)
                assert response.status_code == 200
                assert not set(FIELDS) & set(response.headers)
            for remaining in (1, 0):
                refused = await client.post(LOGIN, json=WRONG)
                assert_problem(refused, 401, "invalid_credentials")
                assert told(refused) == (2, remaining)
            assert_limited(await client.post(LOGIN, json=WRONG))
        # Once it is back, it counts again, and it has not seen the calls of before.
        assert (await client.get(OPEN)).status_code == 200
        assert_limited(await client.get(OPEN))
        assert told(await client.post(LOGIN, json=WRONG)) == (2, 1)


async def test_a_redis_that_was_emptied_counts_anew(limited: Limited, valkey: Redis) -> None:
    api = await limited(default="1/minute")
    async with api.client() as client:
        for _ in range(2):
            assert (await client.get(OPEN)).status_code == 200
            assert_limited(await client.get(OPEN))
            await valkey.flushall()
            await valkey.script_flush()


async def test_garbage_in_a_window_is_as_if_redis_were_away(
    limited: Limited, valkey: Redis
) -> None:
    api = await limited(default="1/minute", auth="1/minute")
    async with api.client() as client:
        assert (await client.get(OPEN)).status_code == 200
        assert (await client.post(LOGIN, json=WRONG)).status_code == 401
        for key in [key async for key in valkey.scan_iter("rate_limit:*")]:
            await valkey.set(key, b"\x80\x04garbage")
        assert (await client.get(OPEN)).status_code == 200
        assert (await client.post(LOGIN, json=WRONG)).status_code == 401
        assert_limited(await client.post(LOGIN, json=WRONG))


@pytest.mark.parametrize("limit", ["100", "100/fortnight", "0/minute", "-1/minute"])
def test_a_limit_that_is_none_stops_the_start(limit: str) -> None:
    [fault] = faults(PRODUCTION | {"RATE_LIMIT_AUTH": limit})
    assert fault.startswith("RATE_LIMIT_AUTH")
    assert "100/minute" in fault
    assert load(PRODUCTION | {"RATE_LIMIT_AUTH": "5 per 15 minutes"}).rate_limit.auth
