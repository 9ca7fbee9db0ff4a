"""The commands of an operator: accounts, their passwords, and the database that holds them."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from dirty_equals import IsPartialDict
from httpx2 import AsyncClient
from sqlalchemy.engine import make_url

from app.core.security.opaque_tokens import digest
from app.db.base import utc_now
from app.db.engine import ensure_database
from tests.fixtures.api import PASSWORD, Account, Run, SignIn, assert_problem
from tests.fixtures.carrier import ENDED, log_in
from tests.fixtures.database import Cluster, Database

LOGIN = "/api/v1/auth/login"
RESET = "/api/v1/auth/reset-password"
ME = "/api/v1/users/me"
NEW = "several other words entirely"
WEAK = "p" * 16
EASILY_GUESSED = "The password is easily guessed: add less common words."
AWAY = "postgresql://service:hunter2@127.0.0.1:1/away"
USERS = "SELECT email, username, role FROM users ORDER BY id"


async def test_a_user_that_was_created_signs_in(run: Run, sign_in: SignIn) -> None:
    created = await run("create-user", "ada@example.com", "--admin", NEW_USER_PASSWORD=PASSWORD)
    assert (created.exit_code, created.stdout) == (0, "Created ada@example.com.\n")
    client = await sign_in(Account("ada@example.com"))
    assert (await client.get("/api/v1/users")).json()["total"] == 1


async def test_a_password_is_asked_for_until_it_will_do_and_not_shown(
    run: Run, database: Database, client: AsyncClient
) -> None:
    command = ("create-user", "ada@example.com", "--username=ada")
    assert (await run(*command, answers=f"{PASSWORD}\nanother\n")).exit_code == 1
    assert await database.count("users") == 0
    passwords = ("short", WEAK, "ada@example.com", PASSWORD)
    result = await run(*command, answers="".join(f"{p}\n{p}\n" for p in passwords))
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    told = ("The password must have ", EASILY_GUESSED, EASILY_GUESSED)
    for line, sentence in zip(result.stderr.splitlines(), told, strict=True):
        assert line.startswith(sentence)
    assert await database.fetch(USERS) == [("ada@example.com", "ada", "user")]
    await log_in(client, Account("ada"))


async def test_without_an_address_everything_is_asked_for_until_it_will_do(
    run: Run, user: Account, database: Database
) -> None:
    answers = {
        "nobody": "Not a valid e-mail address",
        user.email.upper(): "The address is in use",
        "new@example.com": "",
        "a b": "3 to 32 letters",
        "ADA": "The user name is in use",
        "new": "",
        "y": "",
        PASSWORD: "",
    }
    result = await run("create-user", answers="".join(f"{a}\n" for a in (*answers, PASSWORD)))
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "Created new@example.com.")
    explained = [line for line in result.stdout.splitlines() if line.startswith("Error: ")]
    for line, sentence in zip(explained, filter(None, answers.values()), strict=True):
        assert sentence in line
    assert await database.fetch(USERS) == [
        (user.email, user.username, "user"),
        ("new@example.com", "new", "admin"),
    ]


async def test_a_user_name_need_not_be_given(run: Run, database: Database) -> None:
    result = await run("create-user", answers=f"ada@example.com\n\nn\n{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert await database.fetch(USERS) == [("ada@example.com", None, "user")]


@pytest.mark.parametrize(
    ("arguments", "password", "sentence"),
    [
        (["nobody"], PASSWORD, "email: Not a valid e-mail address"),
        (["nobody"], "", "email: Not a valid e-mail address"),
        (["new@example.com"], WEAK, EASILY_GUESSED),
        (["new@example.com"], "\udcff" * 16, "password: Not valid Unicode text"),
        (["ADA@example.com"], PASSWORD, "The address is in use"),
        (["new@example.com", "--username=ADA"], PASSWORD, "The user name is in use"),
    ],
)
async def test_a_user_that_cannot_be_created_is_explained(
    run: Run, user: Account, database: Database, arguments: list[str], password: str, sentence: str
) -> None:
    result = await run("create-user", *arguments, NEW_USER_PASSWORD=password)
    assert (result.exit_code, result.stderr) == (1, f"{sentence}\n")
    assert await database.count("users") == 1


@pytest.mark.parametrize("name", ["ada", "ADA@example.com"])
async def test_an_operator_sets_a_password_signs_out_and_unlocks(
    run: Run, client: AsyncClient, user: Account, sign_in: SignIn, name: str
) -> None:
    device = await sign_in(user)
    for _ in range(5):
        await client.post(LOGIN, json=user.credentials | {"password": "wrong"})
    locked = await client.post(LOGIN, json=user.credentials)
    assert_problem(locked, 401, "invalid_credentials")
    assert (await device.get(ME)).status_code == 200

    result = await run("set-password", name, answers=f"{WEAK}\n{WEAK}\n{NEW}\n{NEW}\n")
    assert (result.exit_code, result.stderr) == (0, f"{EASILY_GUESSED}\n")
    assert result.stdout.endswith(f"Changed the password of {user.email}.\n")
    assert NEW not in result.output
    assert_problem(await device.get(ME), 401, ENDED)
    await log_in(client, Account(user.email, password=NEW))
    old = await client.post(LOGIN, json=user.credentials)
    assert_problem(old, 401, "invalid_credentials")


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("nobody", PASSWORD, "Nobody has the name or the address nobody."),
        ("nobody@example.com", "", "Nobody has the name or the address nobody@example.com."),
        ("ada", WEAK, EASILY_GUESSED),
        ("ada", "\udcff" * 16 + "other words", "This is not valid Unicode text."),
    ],
)
async def test_a_password_that_cannot_be_set_is_explained(
    run: Run, client: AsyncClient, user: Account, name: str, password: str, sentence: str
) -> None:
    result = await run("set-password", name, NEW_USER_PASSWORD=password)
    assert (result.exit_code, result.output) == (1, f"{sentence}\n")
    await log_in(client, user)


@pytest.mark.parametrize("page", ["", "https://front.example", "https://front.example/app/"])
async def test_a_reset_link_works_once(
    run: Run, client: AsyncClient, user: Account, page: str
) -> None:
    result = await run("reset-link", "ADA", APP_FRONTEND_URL=page)
    assert (result.exit_code, RESET in result.stderr) == (0, not page)
    [line] = result.stdout.splitlines()
    address, _, token = line.rpartition("#token=")
    assert address == (f"{page.rstrip('/')}/reset-password" if page else "")
    body = {"token": token, "password": NEW}
    assert_problem(await client.post(RESET, json=body | {"token": "x"}), 401, "token_invalid")
    assert (await client.post(RESET, json=body)).status_code == 204
    assert_problem(await client.post(RESET, json=body), 401, "token_invalid")
    await log_in(client, Account(user.email, password=NEW))


async def test_nobody_gets_no_reset_link(run: Run, user: Account, database: Database) -> None:
    result = await run("reset-link", "nobody")
    sentence = "Nobody has the name or the address nobody.\n"
    assert (result.exit_code, result.output) == (1, sentence)
    assert await database.count("account_tokens") == 0


async def test_accounts_are_listed(
    run: Run, user: Account, admin: Account, database: Database
) -> None:
    await database.execute("UPDATE users SET is_active = false WHERE username = 'ada'")
    [(identity,)] = await database.fetch("SELECT id::text FROM users WHERE username = 'ada'")
    table = (await run("list-users")).stdout
    newest, oldest = [line for line in table.splitlines() if "@" in line]
    assert [cell.strip() for cell in newest.split("│")[2:6]] == [admin.email, "", "admin", "True"]
    cells = [cell.strip() for cell in oldest.split("│")[1:6]]
    assert cells == [identity, user.email, user.username, "user", "False"]
    assert "Page 1 of 1, 2 in all" in table

    async def listed(*options: str) -> tuple[list[str], int]:
        result = await run("list-users", "--json", *options)
        page = json.loads(result.stdout)
        return [row["email"] for row in page["items"]], page["total"]

    assert await listed() == ([admin.email, user.email], 2)
    assert await listed("--role=user") == ([user.email], 1)
    assert await listed("--page-size=1", "--page=2") == ([user.email], 2)
    assert await listed("--page=9") == ([], 2)


@pytest.mark.parametrize(
    "option", ["--role=emperor", "--page=0", "--page=1000001", "--page-size=101"]
)
async def test_a_list_that_makes_no_sense_is_refused(run: Run, option: str) -> None:
    result = await run("list-users", option)
    assert (result.exit_code, option.partition("=")[0] in result.stderr) == (2, True)
    assert isinstance(result.exception, SystemExit)


async def test_only_what_has_expired_is_cleaned_up(
    run: Run, client: AsyncClient, user: Account, sign_in: SignIn, database: Database
) -> None:
    device = await sign_in(user)
    await log_in(client, user)
    await client.post(LOGIN, json={"username": "nobody", "password": "wrong"})
    await run("reset-link", "ada")
    assert (await run("cleanup-tokens")).stdout == "Rows deleted: 0.\n"
    old = utc_now() - timedelta(days=1)
    newest = "(SELECT id FROM auth_sessions ORDER BY id DESC LIMIT 1)"
    await database.execute(f"UPDATE auth_sessions SET expires_at = $1 WHERE id = {newest}", old)
    await database.execute("UPDATE account_tokens SET expires_at = $1", old)
    stranger = "UPDATE login_attempts SET last_attempt_at = $1 WHERE account = $2"
    await database.execute(stranger, old, digest("name:nobody"))
    assert (await run("cleanup-tokens")).stdout == "Rows deleted: 3.\n"
    assert [await database.count(table) for table in ("auth_sessions", "account_tokens")] == [1, 0]
    assert (await device.get(ME)).status_code == 200


@pytest.fixture
async def missing_database_url(cluster: Cluster) -> AsyncIterator[str]:
    """The URL of a database that is not there, with a name that has to be quoted."""
    name = f'{cluster.prefix}_"New" {secrets.token_hex(4)}'
    yield cluster.url_of(name)
    quoted = name.replace('"', '""')
    await asyncio.to_thread(cluster.execute, f'DROP DATABASE IF EXISTS "{quoted}" WITH (FORCE)')


async def test_init_twice_is_init_once(run: Run, missing_database_url: str) -> None:
    missing = await run("list-users", DATABASE_URL=missing_database_url)
    assert (missing.exit_code, "`app init-db` makes it." in missing.stderr) == (1, True)
    for made in (True, False):
        result = await run("init-db", DATABASE_URL=missing_database_url)
        assert (result.exit_code, "Made the database" in result.stdout) == (0, made)
        assert ("Applied " in result.stdout) == made
        assert "pending: -" in result.stdout
    listed = await run("list-users", "--json", DATABASE_URL=missing_database_url)
    assert json.loads(listed.stdout) == IsPartialDict(total=0)


async def test_of_those_who_make_the_database_at_once_one_does(missing_database_url: str) -> None:
    url = make_url(missing_database_url).set(drivername="postgresql+asyncpg")
    made = await asyncio.gather(*(ensure_database(url) for _ in range(5)))
    assert sorted(made) == [False] * 4 + [True]


async def test_pending_migrations_are_named(run: Run, empty_database_url: str) -> None:
    result = await run("list-users", DATABASE_URL=empty_database_url)
    assert (result.exit_code, "`app db upgrade` makes it." in result.stderr) == (1, True)


@pytest.mark.parametrize("command", ["init-db", "list-users", "reset-link ada", "cleanup-tokens"])
async def test_a_database_that_lets_nobody_in_is_one_sentence(
    run: Run, environment: dict[str, str], user: Account, command: str
) -> None:
    url = make_url(environment["DATABASE_URL"]).set(password="hunter2")
    wrong = url.render_as_string(hide_password=False)
    for refused in (AWAY, wrong):
        result = await run(*command.split(), DATABASE_URL=refused)
        [sentence] = result.stderr.splitlines()
        assert (result.exit_code, sentence.startswith("Database ")) == (1, True)
        assert "hunter2" not in result.output
        assert isinstance(result.exception, SystemExit)
    assert (await run(*command.split())).exit_code == 0
