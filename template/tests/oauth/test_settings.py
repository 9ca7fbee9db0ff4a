"""What providers need in production, and what must not reach it."""

import pytest

from app.core.config import Settings, group_types
from app.core.config.oauth import ProviderSettings
from tests.fixtures.api import PRODUCTION, Run, faults, load
from tests.fixtures.oauth import CLIENT_SECRET, FAKES, REDIRECT_BASE

SHARED = ("OAUTH_REDIRECT_BASE_URL", "APP_FRONTEND_URL")


def group_of(settings: Settings, provider: str) -> ProviderSettings:
    groups = [group for _, group in settings if isinstance(group, ProviderSettings)]
    return {group.provider: group for group in groups}[provider]


def about(variable: str, found: list[str]) -> list[str]:
    """Return the faults that are about a variable."""
    return [fault for fault in found if fault.startswith((f"{variable} ", f"{variable}:"))]


def test_every_provider_is_tried() -> None:
    groups = [group for group in group_types().values() if issubclass(group, ProviderSettings)]
    assert {group.provider for group in groups} == set(FAKES)


def test_what_production_needs_is_enough(provider: str) -> None:
    group = group_of(load(PRODUCTION), provider)
    assert group.redirect_uri == f"{REDIRECT_BASE}/api/v1/oauth/{provider}/callback"
    assert group.page("code=x") == f"{PRODUCTION['APP_FRONTEND_URL']}/oauth/callback#code=x"


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize("member", ["CLIENT_ID", "CLIENT_SECRET"])
def test_an_application_without_credentials_does_not_start(
    provider: str, environment: str, member: str
) -> None:
    variable = f"OAUTH_{provider.upper()}_{member}"
    lacking = {**PRODUCTION, variable: "", "APP_ENVIRONMENT": environment}
    [fault] = faults(lacking)
    assert fault.startswith(f"{variable} is missing")
    assert load(lacking | {variable: "x-1"})


@pytest.mark.parametrize("variable", SHARED)
@pytest.mark.parametrize("value", ["", "http://api.example.com", "http://localhost:8000"])
def test_people_come_and_go_over_lines_that_nobody_listens_to(variable: str, value: str) -> None:
    found = faults(PRODUCTION | {variable: value})
    assert about(variable, found) == found
    assert not value or value not in "".join(found)
    assert load(PRODUCTION | {variable: "https://elsewhere.example.com"})


@pytest.mark.parametrize("variable", SHARED)
@pytest.mark.parametrize("value", ["nowhere", "ftp://a.example.com", "https://a.example.com/?x=1"])
def test_what_is_no_place_is_refused_everywhere(variable: str, value: str) -> None:
    for environment in ("production", "development"):
        found = faults({**PRODUCTION, variable: value, "APP_ENVIRONMENT": environment})
        assert about(variable, found) == found


def test_who_vouches_for_people_does_it_over_a_line_that_nobody_listens_to(provider: str) -> None:
    for variable in FAKES[provider].urls():
        for value in ("http://accounts.example.com", "http://127.0.0.1:9400"):
            [fault] = faults(PRODUCTION | {variable: value})
            assert fault.startswith(f"{variable} must start with https://")
            assert load(PRODUCTION | {variable: value, "APP_ENVIRONMENT": "development"})
        assert load(PRODUCTION | {variable: "https://accounts.example.com"})


@pytest.mark.parametrize(
    ("value", "fits"), [("9", True), ("0.1", True), ("9.1", False), ("0", False)]
)
def test_a_sign_in_waits_for_less_than_ten_seconds(value: str, *, fits: bool) -> None:
    variables = PRODUCTION | {"OAUTH_TIMEOUT": value}
    if fits:
        assert load(variables)
    else:
        assert about("OAUTH_TIMEOUT", faults(variables))


def test_development_needs_nothing(provider: str) -> None:
    credentials = {name: "" for name in PRODUCTION if name.startswith(f"OAUTH_{provider.upper()}_")}
    assert len(credentials) == 2
    assert load(PRODUCTION | credentials | {"APP_ENVIRONMENT": "development"})


def test_a_base_may_have_a_path_and_a_slash_at_the_end(provider: str) -> None:
    bases = dict.fromkeys(SHARED, "https://example.com/below/")
    group = group_of(load(PRODUCTION | bases), provider)
    assert group.redirect_uri.startswith("https://example.com/below/api/v1/oauth/")
    assert group.page("x") == "https://example.com/below/oauth/callback#x"


def test_no_secret_of_a_client_is_shown() -> None:
    settings = load(PRODUCTION)
    assert CLIENT_SECRET not in repr(settings) + str(settings) + settings.model_dump_json()


async def test_doctor_names_what_is_missing(run: Run, provider: str) -> None:
    variable = f"OAUTH_{provider.upper()}_CLIENT_SECRET"
    assert variable not in (await run("doctor", **PRODUCTION)).output
    told = await run("doctor", **{**PRODUCTION, variable: ""})
    assert told.exit_code != 0
    assert variable in told.output
    assert CLIENT_SECRET not in told.output
