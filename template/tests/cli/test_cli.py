"""The command line, and the processes that it starts."""

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from dotenv import dotenv_values

from dev.services import SERVICES
from tests.fixtures import carrier, registration
from tests.fixtures.api import Run
from tests.fixtures.database import Database

APP = (sys.executable, "-c", "from app.cli import main; main()")
UVICORN = (sys.executable, "-m", "uvicorn", "app.asgi:app")
PATIENCE = 60


@contextmanager
def started(
    *command: str, root: Path, log: Path, **variables: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process in the project's folder; whatever is left of it is killed at the end."""
    environment = {**os.environ, "PYTHONPATH": str(root), **variables}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    except BaseException:
        print(log.read_text())  # noqa: T201
        raise
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(
    condition: Callable[[], object], process: "subprocess.Popen[bytes] | None" = None
) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, "the process has ended"
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_ready(port: int) -> bool:
    return listens(port) and httpx2.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


async def test_help_names_every_command(run: Run) -> None:
    result = await run("--help")
    assert result.exit_code == 0
    for command in ("init", "dev", "serve", "db", "openapi", "doctor", "seed", "create-user"):
        assert f" {command} " in result.stdout


async def test_seeding_twice_is_seeding_once(run: Run, database: Database) -> None:
    counts = []
    for _ in range(2):
        assert (await run("seed")).exit_code == 0
        counts.append([await database.count(table) for table in database.tables])
    assert counts[0] == counts[1]
    assert await database.count("users") > 1


async def test_production_is_not_seeded(run: Run, database: Database) -> None:
    away = "postgresql://service:hunter2@127.0.0.1:1/away"
    production = {"APP_ENVIRONMENT": "production", "DATABASE_URL": away}
    result = await run("seed", **registration.PRODUCTION, **production)
    assert (result.exit_code, "APP_ENVIRONMENT" in result.stderr) == (1, True)


async def test_the_document_is_written_to_a_file_or_to_the_terminal(
    run: Run, tmp_path: Path
) -> None:
    assert (await run("openapi", "-o", str(tmp_path / "openapi.json"))).exit_code == 0
    written = (tmp_path / "openapi.json").read_text()
    assert json.loads(written)["paths"]["/api/v1/users/me"]
    assert (await run("openapi", "-o", "-")).stdout == written


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_refuses_unsafe_settings_in_production(
    variables: dict[str, str], root: Path, port: int, workers: str
) -> None:
    unsafe = variables | {"APP_ENVIRONMENT": "production", "APP_SECRET_KEY": "hunter2"}
    before = os.times()
    result = subprocess.run(
        [*APP, "serve", f"--port={port}", f"--workers={workers}"],
        cwd=root,
        env=os.environ | unsafe,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    after = os.times()
    assert result.returncode == os.EX_CONFIG
    assert "- APP_SECRET_KEY: must be at least 32 bytes long" in result.stderr
    assert "hunter2" not in result.stderr + result.stdout
    # The seconds that it worked, since other tests may take the processor in the meantime.
    used = after.children_user + after.children_system
    assert used - before.children_user - before.children_system < 5


def test_serve_answers_until_it_is_interrupted(
    variables: dict[str, str], migrated_database_url: str, root: Path, tmp_path: Path, port: int
) -> None:
    settings = variables | {"DATABASE_URL": migrated_database_url, "PORT": str(port)}
    log = tmp_path / "log"
    command = (*APP, "serve", "--host=127.0.0.1")
    with started(*command, root=root, log=log, **settings) as process:
        wait_for(lambda: is_ready(port), process)
        assert "server" not in httpx2.get(f"http://127.0.0.1:{port}/health/live").headers
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        assert not listens(port)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert "/health/ready" in {line.get("path") for line in lines}


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    """A copy of what `app dev` needs, as a new clone has it."""
    copy = tmp_path / "project"
    for name in ("app", "dev", "migrations"):
        shutil.copytree(root / name, copy / name)
    for name in ("pyproject.toml", ".env.example"):
        shutil.copy(root / name, copy)
    return copy


def sign_in_as_admin(project: Path, port: int) -> str:
    email, password = (project / ".dev" / "credentials").read_text().split()

    async def list_users() -> int:
        async with carrier.Client(base_url=f"http://127.0.0.1:{port}") as client:
            await carrier.sign_in(client, username=email, password=password)
            return (await client.get("/api/v1/users")).status_code

    assert asyncio.run(list_users()) == 200
    return password


def test_dev_runs_everything_and_leaves_nothing(project: Path, tmp_path: Path, port: int) -> None:
    log, env = tmp_path / "log", project / ".dev" / "env"
    command = (*APP, "dev", f"--port={port}")
    with started(*command, root=project, log=log) as process:
        wait_for(lambda: is_ready(port), process)
        password = sign_in_as_admin(project, port)
        assert password in log.read_text()
        for name in (".env", ".dev/env", ".dev/credentials"):
            assert stat.S_IMODE((project / name).stat().st_mode) == 0o600
        urls = dotenv_values(env)
        assert set(urls) == set(SERVICES)
        ports = [port, *(urlsplit(url or "").port or 0 for url in urls.values())]
        assert all(map(listens, ports))
        process.kill()
        process.wait()
        wait_for(lambda: not any(map(listens, ports)))

    with started(*command, root=project, log=log) as process:
        wait_for(lambda: is_ready(port), process)
        assert sign_in_as_admin(project, port) == password
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        wait_for(lambda: not any(map(listens, ports)))
    assert not env.exists()


def test_another_server_finds_the_services_that_dev_runs(
    project: Path, tmp_path: Path, port: int
) -> None:
    log = tmp_path / "log"
    with started(*APP, "dev", "--services-only", root=project, log=log) as process:
        wait_for(lambda: "Ctrl-C" in log.read_text(), process)
        server = (*UVICORN, f"--port={port}")
        with started(*server, root=project, log=tmp_path / "server") as uvicorn:
            wait_for(lambda: is_ready(port), uvicorn)
            sign_in_as_admin(project, port)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    assert not (project / ".dev" / "env").exists()


async def test_dev_starts_no_database_where_one_is_given(
    run: Run, project: Path, port: int, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    with socket.create_server(("127.0.0.1", port)):
        result = await run("dev", f"--port={port}")
    assert (result.exit_code, f"Port {port} is in use" in result.stdout) == (1, True)
    assert [path.name for path in (project / ".dev").iterdir()] == ["credentials"]
    assert await database.fetch("SELECT email, role FROM users") == [("admin@example.com", "admin")]
