from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies.resources import Resources
from app.cli.database import explained
from app.cli.users import run
from app.core.config import load_settings
from app.core.logging import configure_logging
from app.email.relay import Relay, open_relay
from app.services.polling import stop_on_signals

relay_cli = typer.Typer(name="relay")


@relay_cli.callback(invoke_without_command=True)
def relay(
    *,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is due any more.")] = False,
) -> None:
    """Send the mails of the outbox until Ctrl-C, any number of processes side by side.

    The application does that as well, unless OUTBOX_RELAY_IN_APP=false.
    """
    configure_logging(load_settings().app)
    work = _drain if once else _deliver

    async def deliver(_: AsyncSession, resources: Resources) -> None:
        async with open_relay(resources.settings, resources.sessions) as relay:
            await work(relay)

    with explained():
        run(deliver)


async def _drain(relay: Relay) -> None:
    typer.echo(f"Attempts: {await relay.drain()}.")


async def _deliver(relay: Relay) -> None:
    stopping = stop_on_signals()
    typer.echo("Delivering what is in the outbox; Ctrl-C ends it.")
    await relay.run(stopping)
