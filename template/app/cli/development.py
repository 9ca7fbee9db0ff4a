"""Commands of a checkout: run it, and follow the template that it was made with."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(help="Address to listen on.")]


def init() -> None:
    """Write `.env` with fresh secrets, or add to it those that it lacks."""
    typer.echo(import_dev("server").write_env(Path.cwd()))


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
    import_dev("server").run(host=host, port=port, services_only=services_only)


def update(
    *,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", help="Change an answer.", metavar="NAME=VALUE"),
    ] = None,
    on: Annotated[
        list[str] | None, typer.Option(help="Switch a feature on.", metavar="FEATURE")
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(help="Switch a feature off; its tables stay.", metavar="FEATURE"),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="Version of the template; the newest by default.", metavar="VERSION"),
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask every question again, not only new ones.")
    ] = False,
    discard: Annotated[
        bool,
        typer.Option("--discard", help="Let files go that were edited here and are not needed."),
    ] = False,
    setup: Annotated[bool, typer.Option(help="Run `make setup` when it is done.")] = True,
) -> None:
    """Follow the template that this project was made with, or switch features of it.

    Your changes are merged with its own. Commit first: nothing is done to a dirty tree.
    """
    development = import_dev("update")
    answers = dict(_split(each) for each in data or ())
    wishes = development.Wishes(answers=answers, on=on or (), off=off or (), version=to, ask=ask)
    development.run(Path.cwd(), wishes, discard=discard, setup=setup)


def import_dev(name: str) -> ModuleType:
    """Import a module that is neither in the image nor usable without development dependencies."""
    try:
        return importlib.import_module(f"dev.{name}")
    except ModuleNotFoundError as error:
        typer.echo(f"This needs a checkout with the development dependencies: {error}.", err=True)
        raise typer.Exit(1) from None


def _split(answer: str) -> tuple[str, str]:
    name, equals, value = answer.partition("=")
    if not equals:
        raise typer.BadParameter(f"{answer} is not NAME=VALUE.")
    return name, value
