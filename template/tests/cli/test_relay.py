"""Relays in processes of their own."""

import asyncio
import signal
from collections import Counter

from httpx2 import AsyncClient
from sqlalchemy.engine import make_url

from tests.fixtures import mailer
from tests.fixtures.account_recovery import register, verify
from tests.fixtures.api import Run
from tests.fixtures.database import Database
from tests.fixtures.email import Deliver, token_in
from tests.fixtures.mailer import Mailbox
from tests.fixtures.polling import PATIENCE, eventually
from tests.fixtures.relays import fill, is_claimed, is_empty, make_due, relay_process, until_held

CONSOLE = dict.fromkeys(mailer.variables(0), "")


async def test_two_processes_send_each_mail_once(
    environment: dict[str, str], mailbox: Mailbox, database: Database
) -> None:
    recipients = await fill(database, 100)
    mailbox.hang()
    async with (
        relay_process(environment, "--once") as one,
        relay_process(environment, "--once") as other,
    ):
        await eventually(lambda: is_claimed(database, 20))
        mailbox.release()
        outputs = await asyncio.gather(one.communicate(), other.communicate())
        assert (one.returncode, other.returncode) == (0, 0), outputs
    assert Counter(mail.recipient for mail in mailbox.received) == Counter(recipients)
    assert await is_empty(database)
    attempts = [output.split(b"Attempts: ")[1].split(b".")[0] for output, _ in outputs]
    assert (sum(map(int, attempts)), min(map(int, attempts)) >= 10) == (100, True)


async def test_what_a_killed_relay_held_is_sent_by_another(
    environment: dict[str, str],
    mailbox: Mailbox,
    database: Database,
    client: AsyncClient,
    deliver: Deliver,
) -> None:
    await register(client)
    mailbox.hang()
    async with relay_process(environment) as process:
        await until_held(mailbox)
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
    assert await deliver() == []
    state = "SELECT attempts, next_attempt_at > now() FROM outbox"
    assert await database.fetch(state) == [(1, True)]
    mailbox.release()
    await make_due(database)
    await deliver()
    assert await is_empty(database)
    [token] = {token_in(mail) for mail in mailbox.received}
    assert (await verify(client, token)).status_code == 204


async def test_a_relay_that_is_stopped_finishes_what_it_is_sending(
    environment: dict[str, str], mailbox: Mailbox, database: Database
) -> None:
    await fill(database, 1)
    mailbox.hang()
    async with relay_process(environment) as process:
        async with asyncio.timeout(PATIENCE):
            await until_held(mailbox)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            assert process.returncode is None
            mailbox.release()
            output, _ = await process.communicate()
            assert await process.wait() == 0
    assert b"Traceback" not in output
    assert len(mailbox.received) == 1
    assert await is_empty(database)


async def test_a_relay_that_has_nothing_to_do_ends_at_once(
    environment: dict[str, str],
) -> None:
    slow = {"OUTBOX_POLL_INTERVAL": "600"}
    async with relay_process(environment | slow) as process, asyncio.timeout(PATIENCE):
        assert process.stdout is not None
        assert b"Delivering" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_where_no_server_is_set_mails_are_shown_on_the_console(
    run: Run, client: AsyncClient, mailbox: Mailbox, database: Database
) -> None:
    await register(client)
    shown = await run("relay", "--once", APP_ENVIRONMENT="development", **CONSOLE)
    assert shown.exit_code == 0, shown.output
    assert "To: new@example.com\nSubject: " in shown.stdout
    token = shown.stdout.partition("/verify-email#token=")[2].split()[0]
    assert mailbox.received == []
    assert await is_empty(database)
    assert (await verify(client, token)).status_code == 204


async def test_a_database_that_is_away_is_one_sentence(
    run: Run, environment: dict[str, str]
) -> None:
    url = make_url(environment["DATABASE_URL"]).set(port=1).render_as_string(hide_password=False)
    for command in ("relay --once", "outbox failed", "outbox retry", "outbox discard --yes"):
        result = await run(*command.split(), DATABASE_URL=url)
        [sentence] = result.stderr.splitlines()
        assert (result.exit_code, sentence.startswith("Database ")) == (1, True)
    assert (await run("relay", "--once", DATABASE_URL=environment["DATABASE_URL"])).exit_code == 0
