from tests.checks.behaviour import route_faults, setting_faults
from tests.matrix.environment import Environment
from tests.matrix.renders import Render


def replace(render: Render, name: str, old: str, new: str) -> None:
    file = render.path / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_route_that_is_missing(planted: Render, environment: Environment) -> None:
    replace(planted, "app/api/v1/routes/items.py", "/search", "/find")
    assert route_faults(planted, environment) == [
        "GET /api/v1/items/search is missing",
        "GET /api/v1/items/find is not promised",
    ]


def test_setting_that_is_not_listed(planted: Render, environment: Environment) -> None:
    replace(planted, ".env.example", "APP_LOG_LEVEL", "APP_LOG_LEVELS")
    assert setting_faults(planted, environment) == [
        ".env.example leaves out APP_LOG_LEVEL",
        ".env.example lists APP_LOG_LEVELS, which nothing reads",
    ]


def test_setting_that_is_listed_twice(planted: Render, environment: Environment) -> None:
    replace(planted, ".env.example", "# APP_LOG_LEVEL=INFO\n", "# APP_LOG_LEVEL=INFO\n" * 2)
    assert setting_faults(planted, environment) == [".env.example lists APP_LOG_LEVEL twice"]
