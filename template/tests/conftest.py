"""Fixtures of the whole suite, one module a line."""

pytest_plugins = [
    "tests.fixtures.database",
    "tests.fixtures.api",
    "tests.fixtures.migrations",
]
