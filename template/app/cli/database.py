import asyncio
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from alembic.util import CommandError
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from app.core.config import load_settings
from app.core.config.database import DatabaseSettings
from app.core.exceptions import AppError
from app.db import migrations
from app.db.engine import ensure_database
from app.db.migrations import DatabaseAhead, MigrationStatus

database_cli = typer.Typer(
    name="db", help="Migrate the database, and write revisions.", no_args_is_help=True
)

# What to do, where an error does not come from a revision.
HINTS: dict[type[BaseException], str] = {
    asyncpg.InvalidCatalogNameError: "; `app init-db` makes it.",
    asyncpg.UndefinedTableError: "; `app db upgrade` makes it.",
    asyncpg.UndefinedColumnError: "; `app db upgrade` makes it.",
}


@database_cli.command()
def upgrade(
    *,
    allow_ahead: Annotated[
        bool,
        typer.Option(
            "--allow-ahead",
            help="Succeed without doing anything if newer code has migrated, so that a release "
            "that is rolled back can start.",
        ),
    ] = False,
) -> None:
    """Apply all pending migrations.

    Processes that start together take turns. After a failure or a kill, run it again.
    """
    with explained():
        try:
            migrations.upgrade(_database(), on_applied=lambda name: typer.echo(f"Applied {name}."))
        except DatabaseAhead as ahead:
            if not allow_ahead:
                raise
            typer.echo(ahead)
        _show(migrations.current(_database()))


@database_cli.command()
def downgrade(
    *,
    to: Annotated[
        str | None,
        typer.Option(help="Undo all after this revision; `base` undoes all.", metavar="REVISION"),
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option(help="Act on a branch of the template, such as `core`.", metavar="NAME"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before data is lost.")] = False,
) -> None:
    """Undo this project's newest revision, or several.

    What came with the template stays, unless you name its branch.
    """
    with explained():
        if branch and not yes:
            typer.confirm(f"What the tables of {branch} hold will be lost. Go on?", abort=True)
        migrations.downgrade(
            _database(),
            to=to,
            branch=branch,
            confirmed=branch is not None,
            on_applied=lambda name: typer.echo(f"Undid {name}."),
        )
        _show(migrations.current(_database()))


@database_cli.command()
def revision(
    message: Annotated[str, typer.Argument(help="What it does, such as `Add orders`.")],
    *,
    empty: Annotated[
        bool, typer.Option("--empty", help="Compare nothing: it is to be filled in by hand.")
    ] = False,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="Drop this table of a feature that is off.", metavar="TABLE"),
    ] = None,
) -> None:
    """Write a revision that takes the database to the models.

    Review it: a renamed column, for one, looks like one that went and one that came.
    """
    with explained():
        path = (
            migrations.write_empty(message)
            if empty
            else migrations.autogenerate(_database(), message, drop=drop or ())
        )
        typer.echo(f"Wrote {_shown(path)}." if path else "Nothing to do: no file was written.")


@database_cli.command()
def merge() -> None:
    """Join the newest revisions that two people added side by side."""
    with explained():
        typer.echo(f"Wrote {_shown(migrations.merge())}.")


@database_cli.command()
def check() -> None:
    """Fail if the models need a revision that nobody has written."""
    with explained():
        if missing := migrations.check(_database()):
            typer.echo(missing)
            raise _failure("The models need the above: write it with `app db revision MESSAGE`.")
        typer.echo("The models and the revisions agree.")


@database_cli.command()
def current() -> None:
    """Show what is applied and what is pending, in one line."""
    with explained():
        _show(migrations.current(_database()))


def _database() -> DatabaseSettings:
    return load_settings().database


def _show(status: MigrationStatus) -> None:
    parts = {"yours": status.own, "template": status.template, "pending": status.pending}
    if status.unknown:
        parts["unknown"] = status.unknown
    typer.echo("; ".join(f"{part}: {', '.join(names) or '-'}" for part, names in parts.items()))


def init_db() -> None:
    """Make the database, unless it is there, and apply all migrations."""
    with explained():
        url = _database().direct_url
        if asyncio.run(ensure_database(url)):
            typer.echo(f"Made the database {url.database}.")
    upgrade()


@contextmanager
def explained() -> Iterator[None]:
    """Turn whatever is expected to fail into one sentence and exit status 1."""
    try:
        yield
    except CommandError as error:
        raise _failure(str(error)) from error
    except AppError as error:
        raise _failure(error.detail) from error
    except ValidationError as error:
        faults = [f"{entry['loc'][0]}: {entry['msg']}" for entry in error.errors()]
        raise _failure("\n".join(faults)) from None
    except UnicodeEncodeError as error:
        raise _failure("This is not valid Unicode text.") from error
    except (DBAPIError, OSError) as error:
        url = _database().direct_url
        place = _place_of(error)
        hint = "" if place else HINTS.get(type(_cause_of(error)), "")
        place = place or f"Database {url.database} on {url.host}:{url.port or 5432}"
        raise _failure(f"{place}: {reason_of(error)}{hint}") from error


def _shown(path: Path) -> Path:
    return path.resolve().relative_to(migrations.find_root().resolve())


def _failure(sentence: str) -> typer.Exit:
    typer.secho(sentence, fg=typer.colors.RED, err=True)
    return typer.Exit(1)


def _place_of(error: Exception) -> str | None:
    """Find the line of the revision that was refused."""
    versions = migrations.find_root().resolve() / "migrations" / "versions"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if versions in Path(frame.filename).parents:
            return f"{_shown(Path(frame.filename))}:{frame.lineno}"
    return None


def reason_of(error: Exception) -> str:
    """Return what the database says, in one line."""
    cause = _cause_of(error)
    if isinstance(cause, asyncpg.LockNotAvailableError):
        return "another transaction holds the table; see DATABASE_MIGRATION_LOCK_TIMEOUT."
    return " ".join(str(cause).split()) or type(error).__name__


def _cause_of(error: Exception) -> BaseException:
    return error.driver_exception if isinstance(error, DBAPIError) else error
