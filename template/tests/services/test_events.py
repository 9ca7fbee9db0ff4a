from dataclasses import fields

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies import services
from app.core import events as events_module
from app.core.events import Event
from app.core.origin import Origin, origin_of
from tests.fixtures import carrier
from tests.fixtures.api import PASSWORD, Account, Api, Run, load, open_account, running
from tests.fixtures.causes import CAUSES, TOLD, Cast, people
from tests.fixtures.database import Database

HEADERS = {"User-Agent": "Engine/1", "X-Request-ID": "a-request-of-ada"}
BODY = {"email": "ada@example.com", "password": PASSWORD}
REGISTER = "/api/v1/auth/register"


@pytest.fixture
def origins(monkeypatch: pytest.MonkeyPatch) -> list[Origin | None]:
    """Where each event comes from, as a listener sees it."""
    found: list[Origin | None] = []

    async def listen(session: AsyncSession, _: Event) -> None:
        found.append(origin_of(session))

    monkeypatch.setattr(services, "AUTH_LISTENERS", (listen,))
    return found


def test_every_event_has_a_cause() -> None:
    kinds = {kind for kind in vars(events_module).values() if isinstance(kind, type)}
    told = {kind for kind in kinds if issubclass(kind, Event)} - {Event}
    assert told == {kind for kind in CAUSES if kind.__module__ == events_module.__name__}
    assert CAUSES.keys() == TOLD.keys()


@pytest.mark.parametrize("kind", CAUSES, ids=lambda kind: kind.__name__)
async def test_an_event_is_told_once_and_says_what_happened_to_whom(
    kind: type[Event], cast: Cast, events: list[Event]
) -> None:
    known = await people(cast.database)
    events.clear()
    await CAUSES[kind](cast)
    [event] = [event for event in events if type(event) is kind]
    known = await people(cast.database) | known
    actor, target, details = TOLD[kind]
    told = {field.name: getattr(event, field.name) for field in fields(event) if field.repr}
    assert told.pop("user_id", None) == (known[target] if target else None)
    if "actor_id" in told:
        assert told.pop("actor_id") == known[str(actor)]
    assert told == details


async def test_only_a_lock_that_is_in_force_is_lifted(
    run: Run, client: AsyncClient, user: Account, database: Database, events: list[Event]
) -> None:
    lock = "UPDATE login_attempts SET locked_until = now() + $1 * interval '1 hour'"
    for hours, told in (
        (-1, ["PasswordChanged"]),
        (1, ["AccountUnlocked", "PasswordChanged"]),
    ):
        await carrier.try_to_sign_in(client, username=user.email, password="wrong")
        await database.execute(lock, hours)
        events.clear()
        assert (await run("set-password", user.email, NEW_USER_PASSWORD=PASSWORD)).exit_code == 0
        assert [type(event).__name__ for event in events] == told


async def test_a_listener_knows_the_request_and_who_is_signed_in(
    api: Api, database: Database, origins: list[Origin | None]
) -> None:
    async with api.client(address="198.51.100.1", headers=HEADERS) as client:
        await open_account(api, Account(BODY["email"]))
        [(user_id,)] = await database.fetch("SELECT id FROM users")
        await carrier.sign_in(client, username=BODY["email"], password=PASSWORD)
        await client.post("/api/v1/auth/logout")
    stranger = Origin(HEADERS["X-Request-ID"], "198.51.100.1", "Engine/1", None)
    known = Origin(HEADERS["X-Request-ID"], "198.51.100.1", "Engine/1", user_id)
    assert origins == [None, stranger, known]


async def test_a_request_is_known_by_what_a_trusted_proxy_says_of_it(
    environment: dict[str, str], client: AsyncClient, origins: list[Origin | None]
) -> None:
    settings = load(environment | {"APP_TRUSTED_PROXIES": "198.51.100.1"})
    headers = {"X-Forwarded-For": "203.0.113.7", "User-Agent": "x" * 300}
    async with (
        running(settings) as api,
        api.client(address="198.51.100.1", headers=headers) as proxied,
    ):
        assert (await proxied.post(REGISTER, json=BODY)).is_success
    assert [(o.ip_address, o.user_agent) for o in origins if o] == [("203.0.113.7", "x" * 255)]


async def test_a_command_has_no_origin(run: Run, origins: list[Origin | None]) -> None:
    created = await run("create-user", BODY["email"], NEW_USER_PASSWORD=PASSWORD)
    assert (created.exit_code, origins) == (0, [None])
