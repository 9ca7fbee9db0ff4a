"""A plugin for the tests of a render: the application reaches its database through a pooler."""

import os
from importlib import import_module

import pytest
from sqlalchemy.engine import make_url


def pytest_sessionstart() -> None:
    api = import_module("tests.fixtures.api")  # of the render, whose plugins come first
    api.SERVICES["DATABASE_URL"] = "pooled_database_url"
    api.VARIABLES["DATABASE_BEHIND_POOLER"] = "true"


@pytest.fixture(scope="session")
def pooled_database_url(worker_database_url: str) -> str:
    url = make_url(worker_database_url).set(port=int(os.environ["POOLER_PORT"]))
    return str(url.render_as_string(hide_password=False))
