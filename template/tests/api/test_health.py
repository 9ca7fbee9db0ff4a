import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from dirty_equals import IsDatetime, IsStr
from fastapi import FastAPI
from httpx2 import AsyncClient
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from app.api.dependencies.resources import DbSession
from app.core.config.database import DatabaseSettings
from app.db import migrations
from app.services import health
from tests.fixtures import carrier, registration
from tests.fixtures.api import Account, Api, assert_problem, load, running
from tests.fixtures.contract import CHECKS
from tests.fixtures.database import Database
from tests.fixtures.links import linked

LIVE = "/health/live"
READY = "/health/ready"
ME = "/api/v1/users/me"
LOGIN = "/api/v1/auth/login"


async def test_a_service_that_is_well_says_so(client: AsyncClient) -> None:
    expected = {
        "status": "healthy",
        "checks": {"database": "ok", **CHECKS},
        "timestamp": IsDatetime(iso_string=True),
        "environment": "test",
        "version": IsStr,
    }
    for path in ("/health", "/health/", READY):
        response = await client.get(path)
        assert (response.status_code, response.json()) == (200, expected)
    response = await client.get(LIVE)
    assert (response.status_code, response.json()) == (200, {"status": "healthy"})


async def test_production_tells_strangers_nothing_about_itself(variables: dict[str, str]) -> None:
    production = variables | registration.PRODUCTION | {"APP_ENVIRONMENT": "production"}
    async with running(load(production)) as api, api.client() as client:
        assert set((await client.get("/health")).json()) == {"status", "checks", "timestamp"}


async def test_liveness_touches_nothing(client: AsyncClient, statements: list[str]) -> None:
    assert (await client.get(LIVE)).status_code == 200
    assert statements == []
    assert (await client.get(READY)).status_code == 200
    assert statements != []


async def test_a_database_that_is_away_is_503_until_it_is_back(
    environment: dict[str, str], user: Account
) -> None:
    async with linked(environment, "DATABASE_URL") as (link, client):
        await carrier.sign_in(client, **user.credentials)
        for _ in range(2):
            assert (await client.get(READY)).status_code == 200
            assert (await client.get(ME)).status_code == 200
            await link.cut()

            for _ in range(2):
                away = await client.get(ME)
                assert_problem(away, 503, "service_unavailable")
                assert int(away.headers["retry-after"]) > 0
                login = await client.post(LOGIN, json=user.credentials)
                assert_problem(login, 503, "service_unavailable")
            ready = assert_problem(await client.get(READY), 503, "service_unavailable")
            assert ready["detail"] == "database: unreachable"
            report = await client.get("/health")
            assert (report.status_code, report.json()["status"]) == (200, "unhealthy")
            assert (await client.get(LIVE)).status_code == 200
            await link.connect()


async def test_a_database_that_does_not_answer_keeps_no_probe_waiting(
    environment: dict[str, str], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked(environment, "DATABASE_URL") as (link, client):
        link.hold()
        with monkeypatch.context() as patch:
            patch.setattr(health, "CHECK_TIMEOUT", 0.2)
            assert_problem(await client.get(READY), 503, "service_unavailable")
        link.release()
        assert (await client.get(READY)).status_code == 200


async def test_an_exhausted_pool_is_503_and_not_for_long(
    environment: dict[str, str], user: Account
) -> None:
    small = {
        "DATABASE_POOL_SIZE": "1",
        "DATABASE_MAX_OVERFLOW": "0",
        "DATABASE_POOL_TIMEOUT": "0.1",
    }
    async with running(load(environment | small)) as api, api.client() as client:
        async with api.resources.engine.connect():
            response = await client.post(LOGIN, json=user.credentials)
            assert_problem(response, 503, "service_unavailable")
        assert (await client.post(LOGIN, json=user.credentials)).status_code == 200


@asynccontextmanager
async def locked_users(api: Api) -> AsyncIterator[None]:
    """Let every statement on users wait for the end of the block."""
    async with api.resources.engine.connect() as connection:
        await connection.execution_options(isolation_level="READ COMMITTED")
        async with connection.begin():
            await connection.exec_driver_sql("LOCK TABLE users")
            yield


async def test_a_statement_that_waits_too_long_is_503(
    environment: dict[str, str], api: Api, user: Account
) -> None:
    hasty = load(environment | {"DATABASE_STATEMENT_TIMEOUT": "0.2"})
    async with running(hasty) as hasty_api, hasty_api.client() as client:
        async with locked_users(api):
            response = await client.post(LOGIN, json=user.credentials)
            assert_problem(response, 503, "service_unavailable")
        assert (await client.post(LOGIN, json=user.credentials)).status_code == 200


async def test_a_lock_that_is_waited_for_too_long_is_503(
    environment: dict[str, str], api: Api, user: Account
) -> None:
    hasty = load(environment | {"DATABASE_LOCK_TIMEOUT": "0.2"})
    async with running(hasty) as hasty_api, hasty_api.client() as client:
        async with locked_users(api):
            response = await client.post(LOGIN, json=user.credentials)
            assert_problem(response, 503, "service_unavailable")
            assert int(response.headers["retry-after"]) > 0
        assert (await client.post(LOGIN, json=user.credentials)).status_code == 200


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        ("40001", 503, "service_unavailable"),
        ("40P01", 503, "service_unavailable"),
        ("22012", 500, "internal_error"),
    ],
)
async def test_transactions_that_never_come_through_are_503(
    environment: dict[str, str], api: Api, state: str, status: int, code: str
) -> None:
    assert api

    async def fail(session: DbSession) -> None:
        connection = await session.connection()
        await connection.exec_driver_sql(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$")

    def add(app: FastAPI) -> None:
        app.get("/fail")(fail)

    async with running(load(environment), add) as started, started.client() as client:
        assert_problem(await client.get("/fail"), status, code)


async def test_the_server_ends_transactions_that_nobody_goes_on_with(
    environment: dict[str, str], client: AsyncClient, user: Account
) -> None:
    async def hang(api: Api) -> None:
        async with locked_users(api):
            assert (await client.post(LOGIN, json=user.credentials)).status_code == 200

    hasty = load(environment | {"DATABASE_STATEMENT_TIMEOUT": "0.3"})
    async with running(hasty) as hanging:
        with pytest.raises(DBAPIError):
            await hang(hanging)


async def test_behind_a_pooler_the_limits_are_those_of_the_role(
    environment: dict[str, str], user: Account
) -> None:
    for pooled, limit in (("false", "1234ms"), ("true", "0")):
        given = {"DATABASE_LOCK_TIMEOUT": "1.234", "DATABASE_BEHIND_POOLER": pooled}
        async with running(load(environment | given)) as api, api.resources.engine.connect() as sql:
            found = await sql.exec_driver_sql("SHOW lock_timeout")
            assert found.scalar() == limit
            async with api.client() as client:
                for _ in range(2):
                    response = await client.post(LOGIN, json=user.credentials)
                    assert response.status_code == 200


async def test_a_process_that_is_about_to_end_is_not_ready_and_serves(
    api: Api, client: AsyncClient, user: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.resources.shutdown, "begun", True)
    problem = assert_problem(await client.get(READY), 503, "service_unavailable")
    assert problem["detail"] == "shutting down"
    assert (await client.get(LIVE)).status_code == 200
    assert (await client.post(LOGIN, json=user.credentials)).status_code == 200


async def test_a_statement_that_the_server_cancels_is_503(
    api: Api, client: AsyncClient, user: Account, database: Database
) -> None:
    cancel = (
        "SELECT pg_cancel_backend(pid), pg_sleep(0.01) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with locked_users(api), asyncio.timeout(20):
        login = asyncio.create_task(client.post(LOGIN, json=user.credentials))
        while not await database.fetch(cancel):
            assert not login.done()
        assert_problem(await login, 503, "service_unavailable")
    assert (await client.post(LOGIN, json=user.credentials)).status_code == 200


async def test_connections_that_the_server_ended_are_replaced(
    api: Api, user_client: AsyncClient, database: Database
) -> None:
    await database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert_problem(await user_client.get(ME), 503, "service_unavailable")
    responses = await asyncio.gather(*(user_client.get(ME) for _ in range(5)))
    assert {response.status_code for response in responses} == {200}


async def test_readiness_waits_for_pending_migrations(
    environment: dict[str, str], empty_database_url: str
) -> None:
    settings = load(environment | {"DATABASE_URL": empty_database_url})
    async with running(settings) as api, api.client() as client:
        problem = assert_problem(await client.get(READY), 503, "service_unavailable")
        assert problem["detail"] == "database: migrations pending"
        assert (await client.get(LIVE)).status_code == 200
        database = DatabaseSettings(url=SecretStr(empty_database_url))
        await asyncio.to_thread(migrations.upgrade, database)
        assert (await client.get(READY)).status_code == 200
