from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies.resources import Resources
from app.cli.database import explained
from app.cli.users import WIDEST, run
from app.core.config import load_settings
from app.core.logging import configure_logging
from app.services.polling import stop_on_signals
from app.services.tasks import TASKS, TaskService
from app.tasks.engine.worker import open_worker

worker_cli = typer.Typer(name="worker")


@worker_cli.callback(invoke_without_command=True)
def worker(context: typer.Context) -> None:
    """Do tasks in the background until Ctrl-C, any number of processes side by side."""
    if context.invoked_subcommand is None:
        configure_logging(load_settings().app)
        with explained():
            run(_work)


@worker_cli.command("list")
def list_tasks() -> None:
    """List the tasks that there are, and when each runs by itself, in UTC."""
    table = Table("name", "schedule", "next")
    for name, task in sorted(TASKS.items()):
        due = f"{task.next_tick():%Y-%m-%d %H:%M}" if task.cron else ""
        table.add_row(name, task.cron or "", due)
    Console(width=WIDEST).print(table)


@worker_cli.command()
def enqueue(
    name: Annotated[str, typer.Argument(help="One that `app worker list` shows.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments, as a JSON object.")] = "{}",
) -> None:
    """Have a task done by a worker."""
    try:
        given = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise typer.BadParameter("not a JSON object", param_hint="arguments")
    if name not in TASKS:
        raise typer.BadParameter(f"the tasks are {', '.join(sorted(TASKS))}", param_hint="name")

    async def put(session: AsyncSession, _: Resources) -> None:
        await TaskService(session).enqueue(name, **given)

    with explained():
        run(put)
    typer.echo(f"Enqueued {name}.")


async def _work(_: AsyncSession, resources: Resources) -> None:
    stopping = stop_on_signals()
    async with open_worker(resources.settings, resources.sessions) as worker:
        typer.echo("Doing the tasks that are due; Ctrl-C ends it.")
        await worker.run(stopping)
