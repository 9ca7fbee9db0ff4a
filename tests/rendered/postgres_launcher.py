"""The embedded PostgreSQL: starts, stops, and what a killed process leaves behind."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from dev import postgres
from dev.postgres import PostgresNotStarted, run_postgres

ROOT = Path(postgres.__file__).parents[1]

LAUNCHER = """
import asyncio, asyncpg, pathlib, sys, time
from dev import postgres

postgres.GUARDED = {guarded!r}

async def ask():
    return await (await asyncpg.connect(server.url("postgres"))).fetchval("SELECT 'alive'")

with postgres.run_postgres(pathlib.Path({folder!r}), throwaway={throwaway}) as server:
    try:
        print(server.url("postgres"), flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print(asyncio.run(ask()), flush=True)
print("stopped", flush=True)
"""


def ask(url: str, statement: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def has_ended(url: str) -> bool:
    address = ("127.0.0.1", urlsplit(url).port)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(address) != 0:
                return True
        time.sleep(0.05)
    return False


@contextmanager
def launcher(
    folder: Path, *, throwaway: bool = False, guarded: str = postgres.GUARDED
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    script = LAUNCHER.format(folder=str(folder), throwaway=throwaway, guarded=guarded)
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def home(folder: Path) -> Path:
    """Return the folder itself, but another one where root has to let nobody run the server."""
    return (folder / "home").resolve() if (folder / "home").exists() else folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder whose data every test of this file starts again, to save time."""
    folder = tmp_path_factory.mktemp("durable") / "postgres"
    yield folder
    shutil.rmtree(home(folder))


def test_data_and_url_outlive_a_restart(folder: Path) -> None:
    with run_postgres(folder) as server:
        asyncio.run(server.ensure_database("kept"))
        asyncio.run(server.ensure_database("kept"))
        url = server.url("kept")
        ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert has_ended(url)
    with run_postgres(folder) as server:
        assert server.url("kept") == url
        assert ask(url, "SELECT answer FROM kept") == 42
    assert "database system is shut down" in (home(folder) / "log").read_text()


def test_server_is_configured_like_production(folder: Path) -> None:
    with run_postgres(folder) as server:
        url = server.url("postgres")
        assert str(ask(url, "SHOW server_version")).startswith(postgres.MAJOR)
        assert ask(url, "SHOW listen_addresses") == "127.0.0.1"
        assert ask(url, "SHOW unix_socket_directories") == ""
        assert ask(url, "SHOW fsync") == "on"
        assert ask(url, "SHOW server_encoding") == "UTF8"
        locale = "SELECT datlocprovider::text || datlocale FROM pg_database LIMIT 1"
        assert ask(url, locale) == "bC.UTF-8"
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(url.replace(server.password, "guessed"), "SELECT 1")
        assert server.password not in repr(server)
    assert (home(folder) / "password").stat().st_mode & 0o777 == 0o600


def test_another_port_is_found_when_the_last_one_is_taken(folder: Path) -> None:
    with run_postgres(folder) as server:
        last = server.port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", last))
        other.listen()
        with run_postgres(folder) as server:
            assert server.port != last
            assert ask(server.url("postgres"), "SELECT 1") == 1


def test_second_start_is_refused(folder: Path) -> None:
    with run_postgres(folder) as server:
        with pytest.raises(PostgresNotStarted, match=f"already runs in {folder}"):
            run_postgres(folder).__enter__()
        assert ask(server.url("postgres"), "SELECT 1") == 1


def test_server_stops_when_the_body_fails(folder: Path) -> None:
    with pytest.raises(KeyError), run_postgres(folder) as server:
        raise KeyError
    assert has_ended(server.url("postgres"))


def test_throwaway_servers_in_a_deep_folder_leave_nothing(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 40) / ("path" * 40)
    with run_postgres(deep, throwaway=True) as server:
        assert ask(server.url("postgres"), "SHOW fsync") == "off"
        with run_postgres(deep, throwaway=True) as second:
            assert second.port != server.port
    assert list(deep.iterdir()) == []


def test_ctrl_c_reaches_the_launcher_before_the_server(folder: Path) -> None:
    with launcher(folder) as (process, url):
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    assert output.split() == ["alive", "stopped"]
    assert has_ended(url)


def test_server_ends_with_a_killed_launcher(folder: Path) -> None:
    with launcher(folder) as (process, url):
        ask(url, "CREATE TABLE IF NOT EXISTS survivor ()")
        process.kill()
        assert has_ended(url)
    with run_postgres(folder) as server:
        assert server.url("postgres") == url
        assert ask(url, "SELECT count(*) FROM survivor") == 0


def test_throwaway_data_goes_with_a_killed_launcher(tmp_path: Path) -> None:
    with launcher(tmp_path, throwaway=True) as (process, url):
        data = Path(str(ask(url, "SHOW data_directory")))
        assert (data / "PG_VERSION").exists()
        process.kill()
        assert has_ended(url)
    deadline = time.monotonic() + 10
    while (data / "PG_VERSION").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not (data / "PG_VERSION").exists()


def test_next_start_replaces_a_server_left_behind(folder: Path) -> None:
    with launcher(folder, guarded='exec "$@"') as (process, url):
        process.kill()
        process.wait()
        ask(url, "CREATE TABLE IF NOT EXISTS orphan ()")
    with run_postgres(folder) as server:
        assert server.url("postgres") == url
        assert ask(url, "SELECT count(*) FROM orphan") == 0


def test_stale_pid_of_another_process_is_no_hindrance(folder: Path) -> None:
    with run_postgres(folder):
        pid_file = home(folder) / "data" / "postmaster.pid"
        stale = pid_file.read_text()
    with subprocess.Popen(["sleep", "60"]) as other:
        pid_file.write_text(re.sub(r"^\d+", str(other.pid), stale))
        with run_postgres(folder) as server:
            assert ask(server.url("postgres"), "SELECT 1") == 1
        assert other.poll() is None
        other.kill()


def test_data_of_another_version_is_refused_untouched(folder: Path) -> None:
    with run_postgres(folder):
        data = home(folder) / "data"
    (data / "PG_VERSION").write_text("17\n")
    before = {path: path.stat().st_mtime for path in data.rglob("*")}
    with pytest.raises(PostgresNotStarted, match=r"by PostgreSQL 17, but this is PostgreSQL 18"):
        run_postgres(folder).__enter__()
    assert {path: path.stat().st_mtime for path in data.rglob("*")} == before
    (data / "PG_VERSION").write_text("18\n")


def test_data_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PostgresNotStarted, match="data belongs to another user"):
        run_postgres(tmp_path).__enter__()


def test_failed_start_tells_the_end_of_the_log(folder: Path) -> None:
    with run_postgres(folder):
        configuration = home(folder) / "data" / "postgresql.conf"
    configuration.rename(configuration.with_suffix(".away"))
    with pytest.raises(PostgresNotStarted, match=r"did not start.*\n.*postgresql\.conf"):
        run_postgres(folder).__enter__()
    configuration.with_suffix(".away").rename(configuration)


def test_locale_that_is_not_installed_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
    with run_postgres(tmp_path, throwaway=True) as server:
        assert ask(server.url("postgres"), "SHOW lc_messages") == "C"


def test_missing_wheel_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(PostgresNotStarted, match="set DATABASE_URL"):
        run_postgres(tmp_path).__enter__()


def test_root_without_a_way_out_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(postgres, "NOBODYS_FOLDER", Path(os.devnull) / "no folder")
    with pytest.raises(PostgresNotStarted, match=r"doesn't run as root.*set DATABASE_URL"):
        run_postgres(tmp_path).__enter__()


def modes_above(path: Path) -> list[tuple[int, int]]:
    return [(parent.stat().st_mode, parent.stat().st_uid) for parent in path.parents]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become another user")
@pytest.mark.parametrize("namespaces", [True, False])
def test_root_starts_a_server_as_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, namespaces: bool
) -> None:
    nobodys = Path(tempfile.mkdtemp(dir="/var/lib"))
    monkeypatch.setattr(postgres, "NOBODYS_FOLDER", nobodys)
    if not namespaces:
        monkeypatch.setattr("shutil.which", lambda _name: None)
    folder = tmp_path / "postgres"
    folder.mkdir()
    before = modes_above(folder)
    try:
        for _ in range(2):
            with run_postgres(folder) as server:
                ask(server.url("postgres"), "CREATE TABLE IF NOT EXISTS root ()")
        with run_postgres(folder, throwaway=True) as server:
            ask(server.url("postgres"), "SELECT 1")
        assert modes_above(folder) == before
        assert home(folder) == folder or home(folder).parent == nobodys
        assert namespaces or home(folder) != folder
    finally:
        shutil.rmtree(nobodys)
