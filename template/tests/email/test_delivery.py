"""Relays: side by side, slow, cut off from the database, and beside the application."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import pytest

from app.api.dependencies import relay as in_app
from app.email import relay as relays
from app.email.relay import Delivery, Outcome, Relay, log_delivery, open_relay
from app.models.outbox import OutboxMessage
from app.services.outbox import OutboxService
from tests.fixtures.account_recovery import FORGOT, RESEND, ask, register
from tests.fixtures.api import Account, Api, Run, load, running
from tests.fixtures.database import Database
from tests.fixtures.email import Deliver, token_in
from tests.fixtures.links import Link
from tests.fixtures.mailer import LATER, NEVER, Mailbox
from tests.fixtures.polling import PATIENCE, eventually
from tests.fixtures.relays import fill, is_claimed, is_empty, make_due, until_held

IN_APP = {"OUTBOX_RELAY_IN_APP": "true", "OUTBOX_POLL_INTERVAL": "0.02"}


@asynccontextmanager
async def relay_of(environment: Mapping[str, str], **variables: str) -> AsyncIterator[Relay]:
    """A relay with settings and connections of its own."""
    async with (
        running(load({**environment, **variables})) as api,
        open_relay(api.resources.settings, api.resources.sessions) as relay,
    ):
        yield relay


async def test_of_two_relays_at_once_each_sends_what_the_other_does_not(
    environment: dict[str, str], mailbox: Mailbox, database: Database
) -> None:
    recipients = await fill(database, 100)
    mailbox.hang()
    async with relay_of(environment) as one, relay_of(environment) as other:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(relay.drain()) for relay in (one, other)]
            await eventually(lambda: is_claimed(database, 20))
            mailbox.release()
        attempts = [task.result() for task in tasks]
    assert (sum(attempts), min(attempts) >= 10) == (100, True)
    assert Counter(mail.recipient for mail in mailbox.received) == Counter(recipients)
    assert await is_empty(database)


async def test_what_a_slow_relay_holds_is_sent_by_no_other_before_its_claim_ends(
    environment: dict[str, str], mailbox: Mailbox, database: Database
) -> None:
    await fill(database, 3)
    mailbox.hang()
    async with relay_of(environment) as slow, relay_of(environment) as other:
        task = asyncio.create_task(slow.drain())
        await until_held(mailbox)
        assert await other.deliver_batch() == 0
        mailbox.release()
        assert await task == 3
    assert len(mailbox.received) == 3
    assert await is_empty(database)


async def test_a_mail_that_takes_too_long_is_tried_again_and_holds_up_no_other(
    environment: dict[str, str], mailbox: Mailbox, database: Database, deliver: Deliver
) -> None:
    recipients = await fill(database, 2)
    mailbox.hang()
    async with relay_of(environment, OUTBOX_SEND_TIMEOUT="0.4") as relay:
        assert await relay.deliver_batch() == 2
        state = "SELECT attempts, last_error FROM outbox"
        assert await database.fetch(state) == [(1, "TimeoutError: ")] * 2
    mailbox.release()
    await make_due(database)
    await deliver()
    assert {mail.recipient for mail in mailbox.received} == recipients


async def test_what_cannot_be_written_holds_up_nothing_else(
    deliver: Deliver, database: Database
) -> None:
    recipients = await fill(database, 5)
    await fill(database, 1)
    await database.execute(
        "UPDATE outbox SET payload = '{}' WHERE ctid = (SELECT max(ctid) FROM outbox)"
    )
    assert {mail.recipient for mail in await deliver()} == recipients
    assert await database.fetch("SELECT attempts, failed_at FROM outbox") == [(1, None)]


async def test_what_is_no_mail_is_left_to_others(deliver: Deliver, database: Database) -> None:
    await fill(database, 1)
    await database.execute("UPDATE outbox SET kind = 'unheard'")
    [recipient] = await fill(database, 1)
    assert [mail.recipient for mail in await deliver()] == [recipient]
    assert await database.fetch("SELECT kind, attempts FROM outbox") == [("unheard", 0)]


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> list[Delivery]:
    """What the observers of the relays are told."""
    told: list[Delivery] = []
    monkeypatch.setattr(relays, "OBSERVERS", (told.append, log_delivery))
    return told


async def test_observers_are_told_what_became_of_each_attempt(
    deliver: Deliver, mailbox: Mailbox, database: Database, observed: list[Delivery]
) -> None:
    seen: list[tuple[Outcome, bool]] = []
    for refusal in (LATER, NEVER, None):
        mailbox.refusal = refusal
        await database.execute("DELETE FROM outbox")
        await fill(database, 1)
        observed.clear()
        await deliver()
        [delivery] = observed
        assert (delivery.message.kind, delivery.message.attempts) == ("password_changed", 1)
        assert 0 < delivery.seconds < PATIENCE
        seen.append((delivery.outcome, delivery.error is None))
    expected = [(Outcome.POSTPONED, False), (Outcome.GIVEN_UP, False), (Outcome.SENT, True)]
    assert seen == expected


async def test_observers_are_told_of_what_nobody_wanted(
    api: Api, deliver: Deliver, observed: list[Delivery]
) -> None:
    async with api.client() as client:
        await ask(client, RESEND, "nobody@example.com")
    assert await deliver() == []
    assert [delivery.outcome for delivery in observed] == [Outcome.DROPPED]


async def test_what_fails_at_the_database_hides_no_other_attempt(
    deliver: Deliver,
    database: Database,
    mailbox: Mailbox,
    observed: list[Delivery],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await fill(database, 4)
    complete = OutboxService.complete
    refused: list[UUID] = []

    async def complete_but_one(self: OutboxService, message: OutboxMessage) -> None:
        if not refused:
            refused.append(message.id)
            raise ConnectionResetError
        await complete(self, message)

    monkeypatch.setattr(OutboxService, "complete", complete_but_one)
    with pytest.raises(ConnectionResetError):
        await deliver()
    assert len(observed) == 3
    assert await database.fetch("SELECT id FROM outbox") == [(refused[0],)]
    await make_due(database)
    await deliver()
    assert await is_empty(database)
    assert len({mail.id for mail in mailbox.received}) == 4


async def test_neither_log_nor_database_holds_an_address_or_a_token(
    environment: dict[str, str],
    api: Api,
    user: Account,
    mailbox: Mailbox,
    database: Database,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    async with api.client() as client:
        await register(client, "Straße@exämple.com")
        await ask(client, FORGOT, user.email.upper())
    mailbox.loses_answers = True
    async with relay_of(environment) as relay:
        capsysbinary.readouterr()
        assert await relay.drain() == 2
        tokens = [token_in(mail) for mail in mailbox.received]
        recipients = [mail.recipient for mail in mailbox.received]
        assert len(set(tokens)) == 2
        mailbox.loses_answers = False
        for code in (LATER[:3], NEVER[:3]):
            for words in (*recipients, *(f"https://x/#token={token}" for token in tokens)):
                mailbox.refusal = f"{code} refused: <{words}> is not wanted"
                await fill(database, 1)
                await make_due(database)
                await relay.deliver_batch()
                await database.execute("UPDATE outbox SET failed_at = NULL")
    log = capsysbinary.readouterr().out.decode()
    assert log.count('"event":"delivery"') >= 2 + 4 * 3
    assert log.count("is not wanted") >= 4 * 3
    tables = ("account_tokens", "users", "auth_sessions", "login_attempts")
    rows = [
        str(await database.fetch(f"SELECT row_to_json({name})::text FROM {name}"))
        for name in tables
    ]
    errors = str(await database.fetch("SELECT last_error FROM outbox"))
    messages = str(await database.fetch("SELECT payload::text FROM outbox"))
    assert "is not wanted" in errors
    for token in tokens:
        for place in (log, errors, messages, *rows):
            assert token not in place
    for address in ("@", "Straße", "user0"):
        assert address not in log
        assert address not in errors


async def test_beside_the_application_mail_is_delivered_without_anybody_asking(
    environment: dict[str, str], mailbox: Mailbox, database: Database
) -> None:
    async with running(load(environment | IN_APP)) as api, api.client() as client:
        for n in range(3):
            assert (await register(client, f"user{n}@example.com")).status_code == 202
        await eventually(lambda: is_empty(database))
    assert len(mailbox.received) == 3


async def test_it_stops_with_the_application_and_loses_nothing(
    environment: dict[str, str],
    mailbox: Mailbox,
    database: Database,
    deliver: Deliver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_app, "GRACE", 0.2)
    mailbox.hang()
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(running(load(environment | IN_APP)))
        async with api.client() as client:
            await register(client)
        await until_held(mailbox)
        started = time.monotonic()
        await stack.aclose()
        assert time.monotonic() - started < 5
    state = "SELECT attempts, next_attempt_at > now() FROM outbox"
    assert await database.fetch(state) == [(1, True)]
    mailbox.release()
    await make_due(database)
    mails = await deliver()
    assert await is_empty(database)
    assert {mail.recipient for mail in mailbox.received} == {"new@example.com"}
    assert len({token_in(mail) for mail in (*mailbox.received, *mails)}) == 1


async def test_it_finishes_what_is_being_sent_when_the_application_stops(
    environment: dict[str, str], mailbox: Mailbox, database: Database
) -> None:
    await fill(database, 1)
    mailbox.hang()
    async with running(load(environment | IN_APP)):
        await until_held(mailbox)
        asyncio.get_running_loop().call_later(0.2, mailbox.release)
    assert len(mailbox.received) == 1
    assert await is_empty(database)


async def test_it_goes_on_once_a_database_that_was_away_is_back(
    environment: dict[str, str], mailbox: Mailbox, database: Database
) -> None:
    link = Link(environment["DATABASE_URL"])
    await link.connect()
    try:
        async with running(load({**environment, **IN_APP, "DATABASE_URL": link.url})):
            await fill(database, 1)
            await eventually(lambda: is_empty(database))
            await link.cut()
            await fill(database, 2)
            await asyncio.sleep(0.2)
            assert len(mailbox.received) == 1
            await link.connect()
            await eventually(lambda: is_empty(database))
    finally:
        await link.cut()
    assert len(mailbox.received) == 3


async def test_what_a_server_says_is_listed_as_it_is(
    deliver: Deliver, mailbox: Mailbox, database: Database, run: Run
) -> None:
    said = "[bl20] refused, see [/help] for [bold]"
    mailbox.refusal = f"{NEVER} {said}"
    await fill(database, 1)
    assert await deliver() == []
    result = await run("outbox", "failed")
    assert result.exit_code == 0
    assert said in result.stdout
