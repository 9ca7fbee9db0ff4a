"""What is committed is delivered, and what is not committed is not."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies import services
from app.core.config import Settings
from app.core.events import Event, UserRegistered
from app.core.exceptions import Conflict
from app.services.email import ClaimLost, EmailService
from app.services.outbox import OutboxService
from tests.fixtures.account_recovery import (
    FORGOT,
    NEW_EMAIL,
    ask,
    register,
    reset,
    verify,
)
from tests.fixtures.api import Account, Api, Run, assert_problem
from tests.fixtures.database import Database
from tests.fixtures.email import Deliver, token_in
from tests.fixtures.mailer import LATER, NEVER, Mailbox
from tests.fixtures.polling import PATIENCE, eventually
from tests.fixtures.relays import fill, is_empty, make_due

STATE = "SELECT attempts, failed_at IS NOT NULL, last_error IS NOT NULL FROM outbox"


async def test_each_mail_arrives_once_and_leaves_nothing(
    database: Database, deliver: Deliver
) -> None:
    recipients = await fill(database, 25)
    mails = await deliver()
    assert sorted(mail.recipient for mail in mails) == sorted(recipients)
    assert len({mail.id for mail in mails}) == 25
    assert await is_empty(database)
    assert await deliver() == []


async def test_what_is_rolled_back_is_not_sent(
    client: AsyncClient, deliver: Deliver, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: AsyncSession, event: Event) -> None:
        if isinstance(event, UserRegistered):
            raise Conflict

    with monkeypatch.context() as patch:
        patch.setattr(services, "AUTH_LISTENERS", (*services.AUTH_LISTENERS, refuse))
        assert_problem(await register(client), 409, "conflict")
    assert await is_empty(database)
    assert await deliver() == []
    assert (await register(client)).status_code == 202
    assert [mail.recipient for mail in await deliver()] == [NEW_EMAIL]


async def test_mails_wait_for_a_server_that_is_away(
    client: AsyncClient, deliver: Deliver, mailbox: Mailbox, database: Database
) -> None:
    await mailbox.stop()
    for n in range(3):
        assert (await register(client, f"user{n}@example.com")).status_code == 202
    assert await deliver() == []
    assert await database.fetch(STATE) == [(1, False, True)] * 3
    await mailbox.start()
    assert await deliver() == []
    await make_due(database)
    mails = await deliver()
    assert sorted(mail.recipient for mail in mails) == [f"user{n}@example.com" for n in range(3)]
    assert (await verify(client, token_in(mails[0]))).status_code == 204
    assert await is_empty(database)


async def test_the_delay_doubles_up_to_a_limit_and_is_random_in_part(
    api: Api, deliver: Deliver, mailbox: Mailbox, database: Database
) -> None:
    settings = api.resources.settings.outbox
    mailbox.refusal = LATER
    await fill(database, 8)
    parts: set[float] = set()
    for attempt in range(1, 7):
        await make_due(database)
        before = datetime.now(UTC)
        assert await deliver() == []
        after = datetime.now(UTC)
        rows = await database.fetch("SELECT attempts, next_attempt_at FROM outbox")
        delay = min(settings.base_delay * 2 ** (attempt - 1), settings.max_delay)
        for attempts, due in rows:
            assert attempts == attempt
            assert (due - after).total_seconds() <= delay
            assert (due - before).total_seconds() >= delay / 2
            parts.add(round((due - before).total_seconds() / delay, 2))
    assert len(parts) > 8
    mailbox.refusal = None
    await make_due(database)
    assert len(await deliver()) == 8


async def test_what_is_refused_for_good_is_given_up_at_once_until_somebody_retries(
    deliver: Deliver, mailbox: Mailbox, database: Database, run: Run
) -> None:
    nothing = "Nothing was given up."
    assert nothing in (await run("outbox", "failed")).stdout
    mailbox.refusal = NEVER
    await fill(database, 2)
    assert await deliver() == []
    assert await database.fetch(STATE) == [(1, True, True)] * 2
    mailbox.refusal = None
    await make_due(database)
    assert await deliver() == []

    listed = (await run("outbox", "failed")).stdout
    assert listed.count("password_changed") == 2
    assert NEVER[:3] in listed
    assert "@" not in listed
    assert (await run("outbox", "retry")).stdout == "To be tried anew: 2.\n"
    assert nothing in (await run("outbox", "failed")).stdout
    assert len(await deliver()) == 2
    assert await is_empty(database)


async def test_what_was_given_up_may_be_discarded(
    deliver: Deliver, mailbox: Mailbox, database: Database, run: Run
) -> None:
    mailbox.refusal = NEVER
    await fill(database, 2)
    await deliver()
    mailbox.refusal = LATER
    await fill(database, 1)
    await deliver()
    for arguments, answers, status, left in (
        ((), "n\n", 1, 3),
        (("--yes",), "", 0, 1),
        ((), "y\n", 0, 1),
    ):
        result = await run("outbox", "discard", *arguments, answers=answers)
        assert result.exit_code == status
        assert await database.count("outbox") == left
    assert await database.fetch(STATE) == [(1, False, True)]


async def test_a_token_whose_mail_was_given_up_works_once_it_is_retried(
    client: AsyncClient, deliver: Deliver, mailbox: Mailbox, run: Run
) -> None:
    await register(client)
    mailbox.refusal = NEVER
    assert await deliver() == []
    mailbox.refusal = None
    assert (await run("outbox", "retry")).exit_code == 0
    [mail] = await deliver()
    assert (await verify(client, token_in(mail))).status_code == 204


class Deliverer:
    """What a relay asks of the services."""

    def __init__(self, session: AsyncSession, settings: Settings) -> None:
        outbox = OutboxService(session, settings.outbox)
        self.claim = EmailService(session, settings).claim
        self.fail, self.complete = outbox.fail, outbox.complete


Service = Callable[..., Deliverer]


@pytest.fixture
async def service(api: Api) -> Any:
    """Make what a relay has, each with a session of its own."""
    sessions = []

    def make(**changes: Any) -> Deliverer:
        settings = api.resources.settings
        outbox = settings.outbox.model_copy(update=changes)
        sessions.append(api.resources.sessions())
        return Deliverer(sessions[-1], settings.model_copy(update={"outbox": outbox}))

    yield make
    for session in sessions:
        await session.close()


async def test_attempts_have_an_end(service: Service, database: Database, run: Run) -> None:
    await fill(database, 1)
    outbox = service(max_attempts=3)
    for attempt in (1, 2, 3):
        await make_due(database)
        [message] = await outbox.claim()
        assert await outbox.fail(message, "x" * 5000, for_good=False) is (attempt == 3)
    assert await database.fetch("SELECT attempts, length(last_error) FROM outbox") == [(3, 500)]
    await make_due(database)
    assert await outbox.claim() == []
    assert (await run("outbox", "retry")).exit_code == 0
    assert [message.attempts for message in await service().claim()] == [1]


async def test_what_is_claimed_is_nobody_elses_until_the_claim_ends(
    service: Service, database: Database
) -> None:
    await fill(database, 3)
    first, second = service(batch_size=2), service(batch_size=2, send_timeout=100)
    mine, theirs = await first.claim(), await second.claim()
    assert (len(mine), len(theirs)) == (2, 1)
    assert not {message.id for message in mine} & {message.id for message in theirs}
    assert [await first.claim(), await second.claim()] == [[], []]
    [(lease,)] = await database.fetch("SELECT max(next_attempt_at - now()) FROM outbox")
    assert 190 < lease.total_seconds() <= 200
    await make_due(database)
    assert len(await first.claim()) == 2


async def test_nobody_waits_for_who_is_claiming(service: Service, database: Database) -> None:
    await fill(database, 3)
    async with database.connection.transaction():
        await database.execute("SELECT FROM outbox LIMIT 2 FOR UPDATE")
        async with asyncio.timeout(PATIENCE):
            assert len(await service().claim()) == 1
    assert len(await service().claim()) == 2


async def test_a_claim_ends_by_itself(service: Service, database: Database) -> None:
    await fill(database, 1)
    dead, other = service(send_timeout=0.1), service()
    [claimed] = await dead.claim()
    await eventually(other.claim)
    rows = await database.fetch("SELECT attempts, next_attempt_at > now() FROM outbox")
    assert (rows, claimed.attempts) == ([(2, True)], 1)


async def test_a_relay_that_is_late_changes_nothing_that_another_has_claimed(
    service: Service, database: Database
) -> None:
    await fill(database, 1)
    late, other = service(), service()
    [stale] = await late.claim()
    await make_due(database)
    [taken] = await other.claim()
    before = await database.fetch("SELECT * FROM outbox")
    assert await late.fail(stale, "late", for_good=False) is False
    assert await late.fail(stale, "late", for_good=True) is True
    assert await database.fetch("SELECT * FROM outbox") == before
    await other.fail(taken, "in time", for_good=False)
    assert await database.fetch("SELECT last_error FROM outbox") == [("in time",)]


@pytest.mark.parametrize("used", [False, True])
async def test_a_relay_that_is_late_neither_drops_a_mail_nor_revives_its_token(
    api: Api, client: AsyncClient, user: Account, service: Service, database: Database, used: bool
) -> None:
    await ask(client, FORGOT, user.email)
    [stale] = await service().claim()
    await make_due(database)
    [taken] = await service().claim()
    async with api.resources.sessions() as session:
        emails = EmailService(session, api.resources.settings)
        draft = await emails.draft(taken)
        assert draft is not None
        if used:
            token = draft.values["link"].partition("#token=")[2]
            assert (await reset(client, token)).status_code == 204
        with pytest.raises(ClaimLost):
            await emails.draft(stale)
        await service().complete(taken)
        with pytest.raises(ClaimLost):
            await emails.draft(taken)
    assert await database.count("account_tokens") == (0 if used else 1)
