import asyncio
import subprocess
import sys
import time
from pathlib import Path

import alembic.config
import pytest
from pydantic import SecretStr
from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError

from app.db import migrations
from app.db.migrations import DatabaseAhead, MigrationError
from tests.fixtures.migrations import ProjectCopy

LATER = """
revision = "{later}"
down_revision = "{newest}"


def upgrade() -> None:
    pass
"""


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} never came"
        time.sleep(0.05)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_revisions_make_what_the_models_need(project: ProjectCopy) -> None:
    migrations.upgrade(project.database)

    assert migrations.check(project.database) == ""
    assert migrations.current(project.database).pending == ()
    assert project.run("check").exit_code == 0


def test_check_tells_what_no_revision_makes(project: ProjectCopy, extra_table: Table) -> None:
    migrations.upgrade(project.database)

    assert "op.create_table('extra_table'" in migrations.check(project.database)
    assert project.run("check").exit_code == 1


def test_every_branch_goes_down_to_base_and_up_again(new_project: ProjectCopy) -> None:
    database = new_project.database
    migrations.upgrade(database)
    schema = new_project.schema()
    folders = (new_project.root / "migrations" / "versions").glob("[!_]*/")
    for branch in sorted((folder.name for folder in folders), key=lambda name: name == "core"):
        migrations.downgrade(database, branch=branch, to="base", confirmed=True)
        assert any(n.startswith(branch) for n in migrations.current(database).pending)

    assert new_project.tables() == set()
    migrations.upgrade(database)
    assert new_project.schema() == schema


def test_downgrade_ends_where_the_template_begins(new_project: ProjectCopy) -> None:
    new_project.add_revision("Mine")
    migrations.upgrade(new_project.database)
    template = migrations.current(new_project.database).template

    needed = new_project.run("downgrade", "--branch", "core", "--yes")
    assert (needed.exit_code, "Undo" in needed.stderr) == (1, True)
    assert new_project.run("downgrade").exit_code == 0
    at_base = new_project.run("downgrade")
    assert at_base.exit_code == 1
    assert "None of the project's own revisions is applied" in at_base.stderr
    assert migrations.current(new_project.database).template == template


def test_downgrade_of_the_template_is_asked_about(new_project: ProjectCopy) -> None:
    migrations.upgrade(new_project.database)
    before = migrations.current(new_project.database)
    name = min(before.template, key=lambda name: name.startswith("core"))
    newest = migrations.load_revisions().get_revision(name)
    command = ("downgrade", "--branch", *newest.branch_labels)

    assert new_project.run(*command).exit_code == 1
    assert migrations.current(new_project.database) == before
    assert new_project.run(*command, "--yes").exit_code == 0
    assert migrations.current(new_project.database).pending == (newest.revision,)


def test_newer_code_has_migrated(project: ProjectCopy) -> None:
    migrations.upgrade(project.database)
    project.query("INSERT INTO alembic_version VALUES ('fedcba987654')")

    status = migrations.current(project.database)
    assert (status.unknown, status.pending) == (("fedcba987654",), ())
    with pytest.raises(DatabaseAhead, match="fedcba987654"):
        migrations.upgrade(project.database)
    assert project.run("upgrade").exit_code == 1
    assert project.run("upgrade", "--allow-ahead").exit_code == 0


def test_the_revision_of_a_model_comes_after_all_others(
    project: ProjectCopy, extra_table: Table
) -> None:
    migrations.upgrade(project.database)
    before, files = migrations.current(project.database), project.own_files()
    path = migrations.autogenerate(project.database, 'Add an "extra" table')

    assert path is not None
    assert project.own_files() - files == {path}
    subprocess.run([sys.executable, "-m", "ruff", "check", "--quiet", path], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--check", "-q", path], check=True)
    name = path.stem.rpartition("_")[2]
    below = {r.revision for r in migrations.load_revisions().iterate_revisions(name, "base")}
    assert below >= {*before.own, *before.template}

    migrations.upgrade(project.database)
    after = migrations.current(project.database)
    assert (after.own, after.template) == ((name,), before.template)
    assert "extra_table" in project.tables()
    migrations.downgrade(project.database)
    assert migrations.current(project.database).own == before.own
    assert "extra_table" not in project.tables()


def test_nothing_to_do_writes_nothing(project: ProjectCopy) -> None:
    files = project.own_files()
    pending = project.run("revision", "Nothing")
    assert (pending.exit_code, "`app db upgrade`" in pending.stderr) == (1, True)

    migrations.upgrade(project.database)
    assert project.run("revision", "Nothing").exit_code == 0
    assert project.own_files() == files
    assert project.run("revision", "Data", "--empty").exit_code == 0
    assert len(project.own_files()) == len(files) + 1


@pytest.mark.parametrize("shared", [0, 1])
def test_revisions_of_two_people_are_joined_by_the_command_that_is_named(
    new_project: ProjectCopy, shared: int
) -> None:
    for _ in range(shared):
        new_project.add_revision("Shared")
    migrations.upgrade(new_project.database)
    theirs = migrations.write_empty("Theirs")
    elsewhere = theirs.rename(new_project.root / theirs.name)
    mine = new_project.add_revision("Mine")
    elsewhere.rename(theirs)

    refused = new_project.run("revision", "More", "--empty")
    assert refused.exit_code == 1
    assert mine in refused.stderr
    assert "`app db merge`" in refused.stderr
    assert new_project.run("merge").exit_code == 0
    assert new_project.run("merge").exit_code == 1
    assert new_project.run("revision", "More", "--empty").exit_code == 0

    migrations.upgrade(new_project.database)
    assert migrations.current(new_project.database).pending == ()
    migrations.downgrade(new_project.database, to="base")
    assert migrations.current(new_project.database).own == ()


def test_revisions_come_in_the_order_in_which_the_project_came_by_them(
    new_project: ProjectCopy,
) -> None:
    core = new_project.root / "migrations" / "versions" / "core"
    newest = max(path.stem for path in core.glob("*.py"))
    expected: list[str] = []
    for later in ("core_9001", "core_9002"):
        expected += [new_project.add_revision(f"Before {later}"), later]
        (core / f"{later}.py").write_text(LATER.format(later=later, newest=newest))
        newest = later
    applied: list[str] = []
    migrations.upgrade(new_project.database, on_applied=applied.append)

    assert applied[-4:] == expected


def test_processes_that_upgrade_together_take_turns(new_project: ProjectCopy) -> None:
    new_project.add_revision("Add a table", "op.execute('CREATE TABLE once (id int)')")
    new_project.add_revision(
        "Take a while",
        "import time\n\n"
        "time.sleep(1)\n"
        "op.execute('INSERT INTO once VALUES (1)')\n"
        # This waits for every statement that is under way, also for one that waits for the lock.
        "with op.get_context().autocommit_block():\n"
        "    op.execute('CREATE INDEX CONCURRENTLY ix_once_id ON once (id)')",
    )
    processes = [new_project.start_upgrade() for _ in range(3)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    applied = "".join(outputs).split()
    assert len(applied) == len(set(applied)) > 2
    assert new_project.query("SELECT * FROM once") == [(1,)]


def test_the_wait_for_another_process_ends(new_project: ProjectCopy) -> None:
    started = new_project.root / "started"
    hang = f"import pathlib, time\n\npathlib.Path({str(started)!r}).touch()\ntime.sleep(60)"
    new_project.add_revision("Hang", hang)
    process = new_project.start_upgrade()
    try:
        wait_for(started)
        hasty = new_project.database.model_copy(update={"migration_lock_timeout": 0.5})
        with pytest.raises(MigrationError, match=r"backend \d+.*DATABASE_MIGRATION_LOCK_TIMEOUT"):
            migrations.upgrade(hasty)
    finally:
        kill(process)


def test_the_wait_for_a_table_in_use_ends(new_project: ProjectCopy) -> None:
    migrations.upgrade(new_project.database)
    new_project.add_revision("Widen", "op.execute('ALTER TABLE users ADD COLUMN extra int')")
    hasty = new_project.database.model_copy(update={"migration_lock_timeout": 0.5})

    async def upgrade_beside_a_reader() -> None:
        async with (
            new_project.connection() as connection,
            connection.transaction(),
            asyncio.timeout(20),
        ):
            await connection.execute("SELECT FROM users")
            await asyncio.to_thread(migrations.upgrade, hasty)

    with pytest.raises(DBAPIError, match="lock timeout"):
        asyncio.run(upgrade_beside_a_reader())
    migrations.upgrade(hasty)


def test_an_upgrade_that_was_killed_is_taken_up_again(new_project: ProjectCopy) -> None:
    started = new_project.root / "started"
    first = new_project.add_revision("First", "op.execute('CREATE TABLE first (id int)')")
    second = new_project.add_revision(
        "Second",
        f"import pathlib, time\n\nstarted = pathlib.Path({str(started)!r})\n"
        "op.execute('CREATE TABLE second (id int)')\n"
        "if not started.exists():\n    started.touch()\n    time.sleep(60)",
    )
    process = new_project.start_upgrade()
    try:
        wait_for(started)
    finally:
        kill(process)

    status = migrations.current(new_project.database)
    assert (status.own, status.pending) == ((first,), (second,))
    assert {"first", "second"} & new_project.tables() == {"first"}
    migrations.upgrade(new_project.database)
    assert migrations.current(new_project.database).own == (second,)
    assert {"first", "second"} <= new_project.tables()


def test_a_revision_that_fails_is_named_with_its_line(new_project: ProjectCopy) -> None:
    name = new_project.add_revision("Break", "op.execute('SELECT missing FROM users')")
    [path] = new_project.own_files()
    line = path.read_text().partition("SELECT missing")[0].count("\n") + 1
    result = new_project.run("upgrade")
    assert result.exit_code == 1
    assert f'_{name}.py:{line}: column "missing" does not exist' in result.stderr
    assert migrations.current(new_project.database).pending == (name,)


def test_a_database_that_does_not_answer_is_one_sentence(
    project: ProjectCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.run("current").exit_code == 0
    away = SecretStr("postgresql+asyncpg://somebody@127.0.0.1:1/away")
    monkeypatch.setattr(
        "app.cli.database._database", lambda: project.database.model_copy(update={"url": away})
    )
    for command in ("upgrade", "downgrade", "check", "current"):
        result = project.run(command)
        assert result.exit_code == 1
        assert result.stderr.startswith("Database away on 127.0.0.1:1: ")
        assert len(result.stderr.splitlines()) == 1


def test_bare_alembic_upgrades_all_branches_too(
    project: ProjectCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    alembic.config.main(argv=["upgrade", "head"])

    assert migrations.current(project.database).pending == ()


def test_an_event_loop_migrates_in_a_thread(project: ProjectCopy) -> None:
    async def upgrade() -> None:
        await asyncio.to_thread(migrations.upgrade, project.database)

    asyncio.run(upgrade())
    assert migrations.current(project.database).pending == ()
