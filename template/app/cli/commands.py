"""Every command, and those that serve."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from app import project
from app.cli.database import database_cli, init_db
from app.cli.development import Host, dev, init, update
from app.cli.doctor import doctor
from app.cli.users import (
    cleanup_tokens,
    create_user,
    list_users,
    reset_link,
    seed,
    set_password,
)
from app.core.config import SettingsError, load_settings
from app.core.logging import configure_logging
from app.main import create_app

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
cli.add_typer(database_cli)
for command in (
    init,
    dev,
    update,
    doctor,
    init_db,
    create_user,
    set_password,
    reset_link,
    list_users,
    seed,
    cleanup_tokens,
):
    cli.command()(command)

SHUTDOWN_SECONDS = 20  # less than the 30 that Kubernetes and most hosts give


def run() -> None:
    """Run a command; settings that are wrong are told in sentences, with exit status 78."""
    if project.cli.registered_commands:
        cli.add_typer(project.cli)
    try:
        cli()
    except SettingsError as error:
        typer.echo(error, err=True)
        sys.exit(os.EX_CONFIG)


@cli.command()
def serve(
    *,
    host: Host = "0.0.0.0",  # noqa: S104
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes; one a container is usual.")] = 1,
) -> None:
    """Serve the API, once the settings are found to be right."""
    # Checked here, since the supervisor of several workers never gives up on one that can't start.
    configure_logging(load_settings().app)
    # uvicorn shuts down in order and then raises the signal anew, which would end in status 143.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "app.asgi:app",
        host=host,
        port=port,
        workers=workers,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


@cli.command()
def openapi(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, `-` for here.")],
) -> None:
    """Write the OpenAPI document, from which clients are generated."""
    document = json.dumps(create_app().openapi(), indent=2) + "\n"
    if str(output) == "-":
        typer.echo(document, nl=False)
    else:
        output.write_text(document)
