import csv
import json
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from app.services import audit_log
from tests.fixtures.api import PASSWORD, Account, Api, Run
from tests.fixtures.database import Database

EXPORT = ("audit-log", "export", "-o")
NEW = "several quite different words"
ADD = (
    "INSERT INTO audit_logs (id, created_at, action, user_agent, details) SELECT"
    " gen_random_uuid(), now() - $1 * interval '1 day', $2, $3, '{\"n\": 1}'"
    " FROM generate_series(1, $4)"
)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(keepends=True)))


async def test_what_an_operator_does_has_a_row_without_an_actor(
    run: Run, database: Database
) -> None:
    for command in (("create-user",), ("set-password",)):
        result = await run(*command, "ada@example.com", NEW_USER_PASSWORD=PASSWORD)
        assert result.exit_code == 0
    [(user_id,)] = await database.fetch("SELECT id FROM users")
    found = await database.fetch(
        "SELECT action, target_id, actor_id, ip_address, user_agent, request_id"
        " FROM audit_logs ORDER BY id"
    )
    nothing = (None, None, None, None)
    assert found == [
        ("user_registered", user_id, *nothing),
        ("password_changed", user_id, *nothing),
    ]


async def test_export_writes_every_row_the_newest_first(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(audit_log, "EXPORTED_AT_ONCE", 3)
    for days in range(2):
        await database.execute(ADD, days, "made_up", 'Agent, "quoted"\nand more', 4)
    newest = "SELECT id::text FROM audit_logs ORDER BY created_at DESC, id DESC"
    expected = [row_id for (row_id,) in await database.fetch(newest)]
    shown = await run(*EXPORT, "-")
    assert shown.exit_code == 0
    written = read(shown.stdout)
    assert [row["id"] for row in written] == expected
    assert {row["user_agent"] for row in written} == {'Agent, "quoted"\nand more'}
    assert [json.loads(row["details"]) for row in written] == [{"n": 1}] * 8
    assert {row["actor_id"] for row in written} == {""}
    file = tmp_path / "log.csv"
    assert (await run(*EXPORT, str(file))).stdout == ""
    assert read(file.read_bytes().decode()) == written


@pytest.mark.parametrize(
    "hostile", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1+1"]
)
async def test_no_cell_is_a_formula(run: Run, database: Database, hostile: str) -> None:
    await database.execute(ADD, 0, "made_up", hostile, 1)
    await database.execute(ADD, 1, "made_up", f"not {hostile}", 1)
    rows = read((await run(*EXPORT, "-")).stdout)
    assert [row["user_agent"] for row in rows] == [f"'{hostile}", f"not {hostile}"]


async def test_export_takes_the_filters_of_the_api(
    run: Run, user: Account, user_client: AsyncClient, database: Database
) -> None:
    me = (await user_client.get("/api/v1/users/me")).json()["id"]
    await database.execute(ADD, 10, "made_up", None, 1)
    cases: list[tuple[list[str], list[str]]] = [
        (["--action", "made_up"], ["made_up"]),
        (["--action", "made_up", "--action", "user_registered"], ["user_registered", "made_up"]),
        (["--actor", me], ["login_succeeded"]),
        (["--target", me, "--since", "2100-01-01T00:00:00Z"], []),
        (["--until", "2100-01-01T00:00:00Z", "--action", "made_up"], ["made_up"]),
    ]
    for options, actions in cases:
        result = await run(*EXPORT, "-", *options)
        assert [row["action"] for row in read(result.stdout)] == actions, options
    for options, said in (
        (["--since", "2100-01-01"], "since: Input should have timezone info"),
        (["--actor", "ada"], "actor_id: Input should be a valid UUID"),
    ):
        refused = await run(*EXPORT, "-", *options)
        assert (refused.exit_code, refused.stderr[: len(said)]) == (1, said)


async def test_a_file_that_cannot_be_written_is_explained(run: Run, tmp_path: Path) -> None:
    refused = await run(*EXPORT, str(tmp_path / "missing" / "log.csv"))
    assert refused.exit_code != 0
    assert "No such file" in refused.stderr


async def test_purge_deletes_what_is_past_its_retention_and_leaves_a_row_of_it(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "PURGED_AT_ONCE", 2)
    for days in (364, 366):
        await database.execute(ADD, days, "made_up", None, 3)
    result = await run("audit-log", "purge")
    assert (result.exit_code, result.stdout) == (0, "Rows deleted: 3.\n")
    left = "SELECT action, details::text FROM audit_logs ORDER BY created_at DESC, details"
    made = [("made_up", '{"n": 1}')] * 3
    purged = [("audit_log_purged", f'{{"days": 365, "rows": {n}}}') for n in (1, 2)]
    assert sorted(await database.fetch(left)) == sorted([*made, *purged])
    assert (await run("audit-log", "purge")).stdout == "Rows deleted: 0.\n"
    shorter = await run("audit-log", "purge", APP_AUDIT_LOG_RETENTION_DAYS="30")
    assert shorter.stdout == "Rows deleted: 3.\n"


@pytest.mark.parametrize("days", ["29", "0", "-1", "36501", "x"])
async def test_a_retention_that_the_table_would_refuse_is_refused_at_the_start(
    run: Run, api: Api, days: str
) -> None:
    assert api.resources.settings.app.audit_log_retention_days == 365
    result = await run("audit-log", "purge", APP_AUDIT_LOG_RETENTION_DAYS=days)
    assert "APP_AUDIT_LOG_RETENTION_DAYS" in str(result.exception)
