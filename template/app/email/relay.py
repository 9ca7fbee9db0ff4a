"""Delivers what the outbox holds, at least once, beside the application or in a process alone."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.config import Settings
from app.core.logging import get_logger
from app.email.delivery import Sender, Undeliverable
from app.email.message import render
from app.email.sender import open_sender
from app.models.outbox import OutboxMessage
from app.services.email import EmailService
from app.services.outbox import OutboxService
from app.services.polling import poll

# An address, or the token of a link.
PRIVATE = re.compile(r"[^\s<>()\"',:;]+@[^\s<>()\"',:;]+|(?<=#token=)[\w.-]+")

log = get_logger("app.relay")


class Outcome(StrEnum):
    SENT = "sent"
    DROPPED = "dropped"
    POSTPONED = "postponed"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an attempt; `error` names what went wrong."""

    message: OutboxMessage
    outcome: Outcome
    seconds: float
    error: str | None = None


Observer = Callable[[Delivery], None]


def log_delivery(delivery: Delivery) -> None:
    """Log an attempt, without the address."""
    write = log.warning if delivery.error else log.info
    write(
        "delivery",
        message_id=str(delivery.message.id),
        kind=delivery.message.kind,
        request_id=delivery.message.request_id,
        outcome=delivery.outcome.value,
        attempts=delivery.message.attempts,
        seconds=round(delivery.seconds, 3),
        error=delivery.error,
    )


# Each is told of every attempt.
OBSERVERS: tuple[Observer, ...] = (log_delivery,)


class Relay:
    """Takes messages that are due and sends them; any number of relays may run at once."""

    def __init__(
        self, settings: Settings, sessions: async_sessionmaker[AsyncSession], sender: Sender
    ) -> None:
        self.settings = settings
        self.sessions = sessions
        self.sender = sender

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until the event is set; what fails at the database is tried again."""
        await poll(self.deliver_batch, self.settings.outbox.poll_interval, stopping)

    async def drain(self) -> int:
        """Deliver until nothing is due; return how many attempts that took."""
        total = 0
        while found := await self.deliver_batch():
            total += found
        return total

    async def deliver_batch(self) -> int:
        """Try what is due, a batch at most and all at once; return how many messages that were."""
        async with self.sessions() as session:
            messages = await EmailService(session, self.settings).claim()
        attempts = await asyncio.gather(*map(self._deliver, messages), return_exceptions=True)
        for attempt in attempts:
            if isinstance(attempt, Delivery):
                for observe in OBSERVERS:
                    observe(attempt)
        for attempt in attempts:
            if isinstance(attempt, BaseException):
                raise attempt
        return len(messages)

    async def _deliver(self, message: OutboxMessage) -> Delivery:
        started = time.perf_counter()
        error, for_good, outcome = None, False, Outcome.SENT
        try:
            async with asyncio.timeout(self.settings.outbox.send_timeout):
                if not await self._send(message):
                    outcome = Outcome.DROPPED
        except Undeliverable as refused:
            error, for_good = str(refused), True
        except Exception as failed:  # noqa: BLE001  # none of the others may be held up by it
            error = f"{type(failed).__name__}: {failed}"
        error = error and _without_secrets(error)
        async with self.sessions() as session:
            outbox = OutboxService(session, self.settings.outbox)
            if error is None:
                await outbox.complete(message)
            else:
                gone = await outbox.fail(message, error, for_good=for_good)
                outcome = Outcome.GIVEN_UP if gone else Outcome.POSTPONED
        return Delivery(message, outcome, time.perf_counter() - started, error)

    async def _send(self, message: OutboxMessage) -> bool:
        """Send a message; tell whether there was anything to send."""
        async with self.sessions() as session:
            draft = await EmailService(session, self.settings).draft(message)
        if draft is None:
            return False
        await self.sender.send(render(draft, message.id))
        return True


def _without_secrets(error: str) -> str:
    """Return the first line of an error, without what servers like to repeat of a mail."""
    return PRIVATE.sub("…", error.partition("\n")[0])


@asynccontextmanager
async def open_relay(
    settings: Settings, sessions: async_sessionmaker[AsyncSession]
) -> AsyncIterator[Relay]:
    async with open_sender(settings) as sender:
        yield Relay(settings, sessions, sender)
