from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.cli.database import explained
from app.cli.users import WIDEST, run
from app.services.outbox import DeadLetters

R = TypeVar("R")

outbox_cli = typer.Typer(
    name="outbox", help="See to what was given up after many attempts.", no_args_is_help=True
)


@outbox_cli.command()
def failed() -> None:
    """List what was given up, the newest first."""
    with explained():
        messages = _run(lambda letters: letters.list_failed())
    table = Table("id", "kind", "failed_at", "attempts", "last_error")
    for message in messages:
        failed_at = f"{message.failed_at:%Y-%m-%d %H:%M}"
        error = escape(message.last_error or "")  # servers like to answer with brackets
        attempts = str(message.attempts)
        table.add_row(str(message.id), escape(message.kind), failed_at, attempts, error)
    Console(width=WIDEST).print(table if messages else "Nothing was given up.")


@outbox_cli.command()
def retry() -> None:
    """Have all that was given up tried anew."""
    with explained():
        typer.echo(f"To be tried anew: {_run(lambda letters: letters.retry_failed())}.")


@outbox_cli.command()
def discard(
    *, yes: Annotated[bool, typer.Option("--yes", help="Don't ask before it is lost.")] = False
) -> None:
    """Delete all that was given up."""
    if not yes:
        typer.confirm("What was given up will never be delivered. Go on?", abort=True)
    with explained():
        typer.echo(f"Deleted: {_run(lambda letters: letters.discard_failed())}.")


def _run(work: Callable[[DeadLetters], Awaitable[R]]) -> R:
    return run(lambda session, _: work(DeadLetters(session)))
