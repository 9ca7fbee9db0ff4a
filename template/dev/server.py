"""`app dev`: what the application needs, an admin to sign in with, and the server with reload."""

import asyncio
import multiprocessing
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import typer
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from rich.console import Console
from rich.panel import Panel

from app.api.dependencies.resources import open_resources
from app.api.dependencies.services import user_service
from app.core.config import Settings, load_settings
from app.core.config.app import TITLE
from app.core.security.permissions import ADMIN
from app.db import migrations
from app.main import create_app
from app.schemas.users import UserRegister
from dev.env_file import write_env, write_private
from dev.processes import ServiceNotStarted
from dev.services import run_services
from dev.sign_in import sign_in_command

ADMIN_EMAIL = "admin@example.com"
PORTS = range(8000, 8100)

console = Console()


def run(*, host: str, port: int | None, services_only: bool) -> None:
    """Run until Ctrl-C; whatever was started is stopped again."""
    root = Path.cwd()
    console.print(write_env(root), highlight=False)
    try:
        with _services(root / ".dev"):
            settings = load_settings()
            console.print("Applying migrations …")
            migrations.upgrade(settings.database)
            password = _ensure_admin(settings, root / ".dev" / "credentials")
            if services_only:
                _show(None, password)
                _wait_for_signal()
            else:
                chosen = _choose_port(host, port)
                _show(f"http://{host}:{chosen}", password)
                _serve(host, chosen)
    except (ServiceNotStarted, migrations.MigrationError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None


def _wait_for_signal() -> None:
    # Also where a shell has started it in the background, with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        signal.pause()


@contextmanager
def _services(folder: Path) -> Iterator[None]:
    """Run the embedded services, unless URLs say that there are others.

    Their addresses are written where the settings look for them, so that commands in another
    terminal find them.
    """
    console.print("Starting what is needed …")
    env = folder / "env"
    folder.mkdir(exist_ok=True)
    with run_services(folder) as variables:
        if not variables:
            yield
            return
        write_private(env, "".join(f"{name}={url}\n" for name, url in variables.items()))
        try:
            yield
        finally:
            env.unlink(missing_ok=True)


def _ensure_admin(settings: Settings, credentials: Path) -> str:
    """Let the admin sign in with the password in the file, a new one if there is none."""
    if not credentials.exists() or not credentials.read_text().strip():
        write_private(credentials, f"{ADMIN_EMAIL} {secrets.token_urlsafe(18)}\n")
    password = credentials.read_text().split()[-1]
    request = UserRegister(email=ADMIN_EMAIL, password=SecretStr(password))
    asyncio.run(_ensure_account(settings, request))
    return password


async def _ensure_account(settings: Settings, request: UserRegister) -> None:
    async with open_resources(settings) as resources, resources.sessions() as session:
        await (await user_service(session, resources)).ensure(request, role=ADMIN)


def _choose_port(host: str, asked: int | None) -> int:
    """Return the port that is asked for, else the first free one; exit if there is none."""
    for port in [asked] if asked else PORTS:
        with suppress(OSError), socket.create_server((host, port)):
            return port
    taken = f"Port {asked} is" if asked else f"Ports {PORTS.start} to {PORTS.stop - 1} are"
    console.print(f"{taken} in use: choose another with --port.", style="red")
    raise typer.Exit(1)


def _show(url: str | None, password: str) -> None:
    rows = {"Admin": ADMIN_EMAIL, "Password": password}
    if url:
        rows = {"API": f"{url}/api/v1", "Docs": f"{url}/docs", "Health": f"{url}/health"} | rows
    lines = [f"{label:10}{value}" for label, value in rows.items()]
    console.print(Panel("\n".join(lines), title=TITLE, expand=False))
    if url:
        sign_in = sign_in_command(f"{url}/api/v1", email=ADMIN_EMAIL, password=password)
        console.print(f"Sign in:\n  {sign_in}\n", soft_wrap=True, highlight=False, markup=False)
    console.print("Ctrl-C stops everything.")


def _serve(host: str, port: int) -> None:
    uvicorn.run(
        "dev.server:make_followed_app",
        factory=True,
        host=host,
        port=port,
        reload=True,
        reload_dirs=["app"],
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=2,
    )


def make_followed_app() -> FastAPI:
    """Make the application in the reloader's child, which ends with it, also when it is killed."""
    Thread(target=_end_with_parent, daemon=True).start()
    return create_app()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
