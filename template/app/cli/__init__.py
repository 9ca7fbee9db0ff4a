"""The command line of the project: `uv run app --help`."""

import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
import uvicorn
from dotenv import dotenv_values
from sqlalchemy.exc import SQLAlchemyError

from app import project
from app.cli.database import database_cli, init_db
from app.cli.users import (
    cleanup_tokens,
    create_user,
    list_users,
    reset_link,
    seed,
    set_password,
)
from app.core.config import SettingsError, group_types, load_settings
from app.core.logging import configure_logging
from app.db import migrations
from app.main import create_app

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
cli.add_typer(database_cli)
for command in (
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

Host = Annotated[str, typer.Option(help="Address to listen on.")]


def main() -> None:
    """Run a command; settings that are wrong are told in sentences, with exit status 78."""
    if project.cli.registered_commands:
        cli.add_typer(project.cli)
    try:
        cli()
    except SettingsError as error:
        typer.echo(error, err=True)
        sys.exit(os.EX_CONFIG)


@cli.command()
def init() -> None:
    """Write `.env` with fresh secrets, or add to it those that it lacks."""
    typer.echo(_import_dev().write_env(Path.cwd()))


@cli.command()
def dev(
    *,
    host: Host = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(envvar="PORT", min=1, max=65535, help="Default: 8000, or the next free one."),
    ] = None,
    services_only: Annotated[
        bool, typer.Option(help="Start no server, only what it needs.")
    ] = False,
) -> None:
    """Run everything for development, with nothing installed."""
    _import_dev().run(host=host, port=port, services_only=services_only)


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


@cli.command()
def doctor() -> None:
    """Tell what is misconfigured or pending, and how to mend it; exit status 1 if anything is."""
    findings = list(_findings())
    for finding in findings:
        typer.echo(f"- {finding}")
    if findings:
        raise typer.Exit(1)
    typer.echo("All is well.")


def _import_dev() -> ModuleType:
    # It is neither in the image nor on a machine without the development dependencies.
    try:
        return importlib.import_module("dev.server")
    except ModuleNotFoundError as error:
        typer.echo(f"This needs a checkout with the development dependencies: {error}.", err=True)
        raise typer.Exit(1) from None


def _findings() -> Iterator[str]:
    yield from _unknown_variables()
    try:
        settings = load_settings()
    except SettingsError as error:
        yield from error.faults
        return
    try:
        status = migrations.current(settings.database)
    except (SQLAlchemyError, OSError):
        yield "The database does not answer: is DATABASE_URL right, or `app dev` running?"
        return
    if status.pending:
        yield f"Migrations are pending ({', '.join(status.pending)}): run `app db upgrade`."
    elif not status.unknown and migrations.check(settings.database):
        yield "The models need what no revision makes: `app db check` shows it."


def _unknown_variables() -> Iterator[str]:
    known: set[str] = set()
    prefixes: set[str] = set()
    for group in group_types().values():
        known.update(group.variable(field) for field in group.model_fields)
        prefixes.add(str(group.model_config.get("env_prefix")))
    names = {*os.environ, *(dotenv_values(".env") if Path(".env").exists() else ())}
    for name in sorted(names - known):
        if name.startswith(tuple(prefixes)):
            yield f"{name} is set, but no setting has this name: see .env.example."
