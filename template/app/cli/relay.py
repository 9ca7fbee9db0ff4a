import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies.resources import Resources
from app.cli.database import explained
from app.cli.users import WIDEST, run
from app.core.config import load_settings
from app.core.logging import configure_logging
from app.email.relay import Relay, open_relay
from app.services.outbox import OutboxService

R = TypeVar("R")

relay_cli = typer.Typer(name="relay")


@relay_cli.callback(invoke_without_command=True)
def relay(
    context: typer.Context,
    *,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is due any more.")] = False,
) -> None:
    """Deliver what is in the outbox until Ctrl-C, any number of processes side by side.

    The application does that as well, unless OUTBOX_RELAY_IN_APP=false.
    """
    if context.invoked_subcommand is None:
        configure_logging(load_settings().app)
        work = _drain if once else _deliver

        async def deliver(_: AsyncSession, resources: Resources) -> None:
            async with open_relay(resources.settings, resources.sessions) as relay:
                await work(relay)

        with explained():
            run(deliver)


@relay_cli.command()
def failed() -> None:
    """List what was given up, the newest first."""
    with explained():
        messages = _run(lambda outbox: outbox.list_failed())
    table = Table("id", "kind", "failed_at", "attempts", "last_error")
    for message in messages:
        failed_at = f"{message.failed_at:%Y-%m-%d %H:%M}"
        error = escape(message.last_error or "")  # servers like to answer with brackets
        attempts = str(message.attempts)
        table.add_row(str(message.id), escape(message.kind), failed_at, attempts, error)
    Console(width=WIDEST).print(table if messages else "Nothing was given up.")


@relay_cli.command()
def retry() -> None:
    """Have all that was given up tried anew."""
    with explained():
        typer.echo(f"To be tried anew: {_run(lambda outbox: outbox.retry_failed())}.")


@relay_cli.command()
def discard(
    *, yes: Annotated[bool, typer.Option("--yes", help="Don't ask before it is lost.")] = False
) -> None:
    """Delete all that was given up."""
    if not yes:
        typer.confirm("What was given up will never be delivered. Go on?", abort=True)
    with explained():
        typer.echo(f"Deleted: {_run(lambda outbox: outbox.discard_failed())}.")


def _run(work: Callable[[OutboxService], Awaitable[R]]) -> R:
    return run(lambda session, resources: work(OutboxService(session, resources.settings.outbox)))


async def _drain(relay: Relay) -> None:
    typer.echo(f"Attempts: {await relay.drain()}.")


async def _deliver(relay: Relay) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    typer.echo("Delivering what is in the outbox; Ctrl-C ends it.")
    await relay.run(stopping)
