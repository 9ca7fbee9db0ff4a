"""What `app doctor` finds, and what it leaves in peace."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Table

from app.db.base import Base
from dev.env_file import write_env
from tests.fixtures import registration
from tests.fixtures.api import Run

EXAMPLE = "# A secret is made for each {random}.\nAPP_SECRET_KEY={random}\nJWT_KEYS=main:{random}\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a repository, an `.env.example` and the `.env` that was made of it."""
    subprocess.run(("git", "init", "--quiet"), cwd=tmp_path, check=True)
    (tmp_path / ".env.example").write_text(EXAMPLE)
    write_env(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"APP_SECRETKEY": "x"}, "APP_SECRETKEY is set, but no setting has this name"),
        ({"APP_SECRET_KEY": ""}, "APP_SECRET_KEY is missing."),
        ({"DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c"}, "The database does not answer"),
    ],
)
async def test_doctor_names_what_is_wrong(run: Run, changes: dict[str, str], finding: str) -> None:
    # Without a key nobody knows that this is no production.
    result = await run("doctor", **registration.PRODUCTION, **changes)
    assert result.exit_code == 1
    [line] = result.stdout.splitlines()
    assert line.startswith(f"- {finding}")


async def test_doctor_repeats_what_the_database_says(run: Run, migrated_database_url: str) -> None:
    nowhere = f"{migrated_database_url.rpartition('/')[0]}/nowhere"
    result = await run("doctor", DATABASE_URL=nowhere)
    assert result.stdout.splitlines() == [
        '- The database refuses DATABASE_URL: database "nowhere" does not exist'
    ]


async def test_doctor_and_upgrade_agree_on_what_is_pending(
    run: Run, empty_database_url: str
) -> None:
    result = await run("doctor", DATABASE_URL=empty_database_url)
    assert (result.exit_code, "`app db upgrade`" in result.stdout) == (1, True)
    assert (await run("db", "upgrade", DATABASE_URL=empty_database_url)).exit_code == 0
    result = await run("doctor", DATABASE_URL=empty_database_url)
    assert (result.exit_code, result.stdout) == (0, "All is well.\n")


async def test_doctor_misses_the_table_of_a_model(run: Run, extra_table: Table) -> None:
    result = await run("doctor")
    assert (result.exit_code, "`app db check`" in result.stdout) == (1, True)
    Base.metadata.remove(extra_table)
    assert (await run("doctor")).exit_code == 0


async def test_doctor_names_files_with_conflict_markers(
    run: Run, checkout: Path, migrated_database_url: str
) -> None:
    (checkout / "heading.md").write_text("Heading\n=======\n")
    assert (await run("doctor", DATABASE_URL=migrated_database_url)).exit_code == 0
    (checkout / "both.md").write_text("<<<<<<< before updating\n=======\n")
    result = await run("doctor", DATABASE_URL=migrated_database_url)
    assert result.stdout.splitlines() == [
        "- both.md holds conflict markers: resolve what stands between them."
    ]


async def test_doctor_names_secrets_that_came_with_an_update(
    run: Run, checkout: Path, migrated_database_url: str
) -> None:
    assert (await run("doctor", DATABASE_URL=migrated_database_url)).exit_code == 0
    with (checkout / ".env.example").open("a") as file:
        file.write("NEW_SECRET={random}\n")
    result = await run("doctor", DATABASE_URL=migrated_database_url)
    assert result.stdout.splitlines() == [
        "- .env lacks NEW_SECRET: `app init` adds what is missing."
    ]
    assert (await run("init")).exit_code == 0
    assert (await run("doctor", DATABASE_URL=migrated_database_url)).exit_code == 0
