import re
import shutil
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic_core import PydanticUndefined
from typer.testing import CliRunner

from app.cli.commands import cli
from app.core.config import Settings, group_types, load_settings
from dev.services import SERVICES
from tests.fixtures import carrier
from tests.fixtures.api import KEY, MISSING, PRODUCTION, faults, load

WILDCARD = {"APP_CORS_ORIGINS": "*", "APP_CORS_ALLOW_CREDENTIALS": "true"}


@pytest.mark.parametrize("environment", ["production", "staging", None])
@pytest.mark.parametrize(
    ("variable", "changes"),
    [
        ("APP_SECRET_KEY", {"APP_SECRET_KEY": ""}),
        ("APP_SECRET_KEY", {"APP_SECRET_KEY": "tooshort-f3a9c1e7b5d2"}),
        ("APP_SECRET_KEY", {"APP_SECRET_KEY": "abc" * 20}),
        ("APP_SECRET_KEY", {"APP_SECRET_KEY": "changeme-f3a9c1e7b5d2846013579bdf0"}),
        ("APP_SECRET_KEY", {"APP_SECRET_KEY": "my-Secret-f3a9c1e7b5d2846013579bdf"}),
        ("DATABASE_URL", {"DATABASE_URL": ""}),
        ("DATABASE_URL", {"DATABASE_URL": "postgresql://service@db.internal/service"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgresql://a:postgres@db.internal/service"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgresql://chosen:chosen@db.internal/service"}),
        ("DATABASE_MIGRATION_URL", {"DATABASE_MIGRATION_URL": "postgresql://a:Admin@db/service"}),
        ("APP_DEBUG", {"APP_DEBUG": "true"}),
        ("APP_CORS_ORIGINS", WILDCARD),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value.values())[:24],
)
def test_unsafe_values_are_refused_by_name_and_never_shown(
    environment: str | None, variable: str, changes: dict[str, str]
) -> None:
    variables = {**PRODUCTION, **changes, "APP_ENVIRONMENT": environment or ""}
    [fault] = faults(variables)
    assert fault.startswith((f"{variable} ", f"{variable}:")) or variable in fault
    for value in [*changes.values(), KEY]:
        assert len(value) < 5 or value not in fault


@pytest.mark.parametrize("end", ["?next=1", "/#/", "/app?", "#"])
def test_what_pages_are_added_to_ends_with_a_path(end: str) -> None:
    url = "https://front.example.com"
    [fault] = faults(PRODUCTION | {"APP_FRONTEND_URL": f"{url}{end}"})
    assert fault.startswith("APP_FRONTEND_URL: must end with a path")
    for path in ("", "/", "/app", "/app/"):
        assert load(PRODUCTION | {"APP_FRONTEND_URL": f"{url}{path}"}).app.frontend_url


def test_safe_values_are_accepted() -> None:
    settings = load(PRODUCTION)
    assert settings.app.is_guarded
    assert load(PRODUCTION | {"APP_CORS_ORIGINS": "*"}).app.cors_origins == ("*",)
    named = WILDCARD | {"APP_CORS_ORIGINS": "https://a.example.com, https://b.example.com"}
    assert len(load(PRODUCTION | named).app.cors_origins) == 2


def test_development_may_be_careless_but_not_without_keys() -> None:
    careless = {
        **PRODUCTION,
        **WILDCARD,
        "APP_ENVIRONMENT": "development",
        "APP_DEBUG": "true",
        "DATABASE_URL": "postgresql://postgres:postgres@localhost/app",
    }
    assert load(careless).app.is_development
    assert "APP_SECRET_KEY is missing." in faults(careless | {"APP_SECRET_KEY": ""})


def test_a_reload_waits_for_nobody() -> None:
    assert load(PRODUCTION).app.notice == load(PRODUCTION).app.shutdown_delay > 0
    assert load(PRODUCTION | {"APP_ENVIRONMENT": "development"}).app.notice == 0


def test_all_faults_are_told_at_once() -> None:
    names = [fault.split()[0].strip(":") for fault in faults({"APP_DEBUG": "true"})]
    assert sorted(names) == sorted(MISSING)
    both = faults(PRODUCTION | WILDCARD | {"APP_DEBUG": "true"})
    assert [fault.split()[0] for fault in both] == ["APP_DEBUG", "APP_CORS_ORIGINS"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("APP_ENVIRONMENT", "live"),
        ("APP_DEBUG", "perhaps"),
        ("APP_LOG_LEVEL", "LOUD"),
        ("APP_MAX_BODY_BYTES", "97"),
        ("DATABASE_URL", "mysql://a:b@c/dddd"),
        ("DATABASE_URL", "not a url"),
        ("DATABASE_POOL_SIZE", "-3"),
        ("PASSWORD_MIN_LENGTH", "three"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(variable: str, value: str) -> None:
    found = faults(PRODUCTION | {variable: value})
    assert any(fault.startswith(f"{variable}:") for fault in found)
    assert value not in "".join(found)


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ("postgres://u:p%40ss@h:5433/d", ""),
        ("postgresql://u:p%40ss@h:5433/d", ""),
        ("postgresql+asyncpg://u:p%40ss@h:5433/d", ""),
        ("postgresql://u:p%40ss@h:5433/d?sslmode=require", "?ssl=require"),
        ("postgres://u:p%40ss@h:5433/d?sslmode=disable&channel_binding=require", "?ssl=disable"),
    ],
)
def test_every_spelling_of_a_database_url_is_understood(given: str, query: str) -> None:
    settings = load(PRODUCTION | {"DATABASE_URL": given}).database
    expected = f"postgresql+asyncpg://u:p%40ss@h:5433/d{query}"
    assert settings.url.get_secret_value() == expected
    assert settings.connection_url.password == "p@ss"
    assert settings.direct_url == settings.connection_url
    other = load(PRODUCTION | {"DATABASE_MIGRATION_URL": given}).database
    assert other.direct_url == settings.connection_url != other.connection_url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@s:s3cretword@h/x",
        "postgresql://u:s3cretword@h:99999/x",
        "postgresql://u:s3cretword@h/x?connect_timeout=10",
        "postgresql://u:s3cretword@h/x?sslmode=banana",
    ],
)
def test_a_database_url_that_would_fail_later_is_refused_at_once(url: str) -> None:
    [fault] = faults(PRODUCTION | {"DATABASE_URL": url})
    assert fault.startswith("DATABASE_URL")
    assert "s3cret" not in fault


@pytest.mark.parametrize("hosts", ["api.*.com", "*api.com", "**"])
def test_a_wildcard_that_no_host_matches_is_refused(hosts: str) -> None:
    [fault] = faults(PRODUCTION | {"APP_ALLOWED_HOSTS": hosts})
    assert fault.startswith("APP_ALLOWED_HOSTS")
    load(PRODUCTION | {"APP_ALLOWED_HOSTS": "*.example.com"})
    load(PRODUCTION | {"APP_ALLOWED_HOSTS": "*"})


def test_lists_are_separated_by_commas() -> None:
    hosts = load(PRODUCTION | {"APP_ALLOWED_HOSTS": " a.example.com ,b.example.com,"})
    assert hosts.app.allowed_hosts == ("a.example.com", "b.example.com")
    assert load(PRODUCTION | {"APP_ALLOWED_HOSTS": ""}).app.allowed_hosts == (
        "localhost",
        "127.0.0.1",
        "[::1]",
    )


def test_no_secret_shows_when_settings_are_printed() -> None:
    settings = load(PRODUCTION)
    printed = repr(settings) + str(settings) + settings.model_dump_json()
    carried = [value.rpartition(":")[2] for value in carrier.PRODUCTION.values()]
    for secret in (KEY, "hunter2", *carried):
        assert secret not in printed
    assert settings.app.secret_key.get_secret_value() == KEY


def test_the_environment_wins_over_files_and_the_first_file_over_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dev").mkdir()
    url = "postgresql://service:hunter2hunter2@{}/service"
    lines = [f"{name}={value}" for name, value in PRODUCTION.items() if name != "DATABASE_URL"]
    (tmp_path / ".env").write_text("\n".join([*lines, "APP_LOG_LEVEL=ERROR"]))
    (tmp_path / ".dev" / "env").write_text(f"DATABASE_URL={url.format('embedded')}\n")
    assert load_settings().database.connection_url.host == "embedded"
    assert load_settings().app.log_level == "ERROR"
    given = load({"DATABASE_URL": url.format("given"), "APP_LOG_LEVEL": "DEBUG"})
    assert given.database.connection_url.host == "given"
    assert given.app.log_level == "DEBUG"


def documented(root: Path) -> dict[str, tuple[bool, str]]:
    """The variables of `.env.example`: whether each is commented out, and what it shows."""
    text = (root / ".env.example").read_text()
    rows = re.findall(r"^(# )?([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE)
    assert len({name for _, name, _ in rows}) == len(rows)
    return {name: (bool(comment), value) for comment, name, value in rows}


def shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_example_lists_every_setting_with_its_default(root: Path) -> None:
    example = documented(root)
    defaults = {
        group.variable(name): field.get_default(call_default_factory=True)
        for group in group_types().values()
        for name, field in group.model_fields.items()
    }
    elsewhere = "".join(file.read_text() for file in root.glob("*.yaml"))
    assert set(example) >= set(defaults)
    assert all(f"${{{name}" in elsewhere for name in example if name not in defaults)
    for name, (commented, value) in example.items():
        if commented and defaults[name] is not PydanticUndefined:
            assert value == shown(defaults[name]), name


def test_init_writes_settings_that_are_accepted_and_private(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(root / ".env.example", tmp_path)
    for name in SERVICES:
        monkeypatch.setenv(name, PRODUCTION[name])
    names = re.findall(r"^(\w+)=.*\{random\}", (root / ".env.example").read_text(), re.MULTILINE)
    assert "APP_SECRET_KEY" in names
    keys = set()
    for _ in range(2):
        assert CliRunner().invoke(cli, ["init"]).stdout == "Wrote .env with fresh secrets.\n"
        written = (tmp_path / ".env").read_text()
        assert CliRunner().invoke(cli, ["init"]).exit_code == 0
        assert (tmp_path / ".env").read_text() == written
        assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
        assert load_settings().app.is_development
        values = dotenv_values(tmp_path / ".env")
        keys |= {values[name] for name in names}
        (tmp_path / ".env").unlink()
    assert len(keys) == 2 * len(names)


def test_init_adds_the_secrets_that_are_lacking_and_keeps_the_rest(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(root / ".env.example", tmp_path)
    (tmp_path / ".env").write_text("# mine\nAPP_ENVIRONMENT=development\nPROJECT_COLOUR=blue")
    output = CliRunner().invoke(cli, ["init"]).stdout
    lines = (tmp_path / ".env").read_text().splitlines()
    assert lines[:3] == ["# mine", "APP_ENVIRONMENT=development", "PROJECT_COLOUR=blue"]
    added = [line.partition("=")[0] for line in lines[3:]]
    assert "APP_SECRET_KEY" in added
    assert output == f"Added {', '.join(added)} to .env.\n"
    assert CliRunner().invoke(cli, ["init"]).stdout == ".env is there.\n"


def test_settings_are_only_what_the_groups_are() -> None:
    assert set(group_types()) == set(Settings.model_fields)
