"""What `app doctor` looks at."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.cli.database import reason_of
from app.cli.development import import_dev
from app.core.config import SettingsError, group_types, load_settings
from app.db import migrations


def doctor(
    *,
    drift: Annotated[
        bool,
        typer.Option("--drift", help="Show also which files of the template were changed here."),
    ] = False,
) -> None:
    """Tell what is misconfigured or pending, and how to mend it; exit status 1 if anything is."""
    findings = list(_findings())
    for finding in findings:
        typer.echo(f"- {finding}")
    if drift:
        _show_drift()
    if findings:
        raise typer.Exit(1)
    typer.echo("All is well.")


def _findings() -> Iterator[str]:
    if find_spec("dev"):
        yield from import_dev("checkout").findings(Path.cwd())
    yield from _unknown_variables()
    try:
        settings = load_settings()
    except SettingsError as error:
        yield from error.faults
        return
    try:
        status = migrations.current(settings.database)
    except DBAPIError as error:
        yield f"The database refuses DATABASE_URL: {reason_of(error)}"
        return
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


def _show_drift() -> None:
    """List what an update will have to merge; that a file was edited is no fault."""
    changed = import_dev("template").find_drift(Path.cwd())
    typer.echo("Files of the template that were changed here, which an update merges:")
    for name in changed or ["none"]:
        typer.echo(f"  {name}")
