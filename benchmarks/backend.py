"""What is measured: a render in production settings, on a PostgreSQL of its own."""

import logging
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2

from tests.matrix.environment import Environment, environment_for
from tests.matrix.questions import ROOT
from tests.matrix.renders import Renders
from tests.matrix.servers import Server, development_services, production_server, serving

API = "/api/v1"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Person:
    """An account of the backend."""

    email: str
    username: str
    password: str


@dataclass(frozen=True)
class Backend:
    """A render whose services run, on a migrated database; any number of servers may share them."""

    project: Path
    environment: Environment
    services: dict[str, str]
    renders: Renders

    def serve(self, project: Path | None = None) -> AbstractContextManager[Server]:
        """Run the render, or a variant of it."""
        return production_server(project or self.project, self.environment, self.services)

    def serve_bare(self) -> AbstractContextManager[Server]:
        """Run the bare application on the same tables."""
        command = ("-m", "uvicorn", "benchmarks.bare:app", "--no-access-log", "--log-level=warning")
        variables = {**self.services, "PYTHONPATH": str(ROOT)}
        return serving(self.project, self.environment, *command, variables=variables)

    def variant(self, name: str, file: str, change: Callable[[str], str]) -> Path:
        """Copy the render, but for one of its files."""
        copy = self.project.with_name(name)
        shutil.copytree(self.project, copy, ignore=shutil.ignore_patterns(".dev"))
        (copy / file).write_text(change((copy / file).read_text()))
        return copy

    def with_features(self, *features: str) -> Path:
        """Render with other features, for the same services and with the same secrets."""
        copy = self.project.with_name("-".join(features))
        shutil.copytree(
            self.renders.get({"preset": self.project.name, "features": [*features]}).path, copy
        )
        shutil.copy(self.project / ".env", copy)
        return copy

    def execute(self, statement: str, people: Iterable[Person]) -> None:
        """Run SQL whose parameter is the addresses, for states that no route leads to."""
        script = ROOT / "benchmarks" / "execute.py"
        addresses = [person.email for person in people]
        self.environment.read(
            str(script), statement, *addresses, cwd=self.project, variables=self.services
        )


@contextmanager
def running_backend(preset: str = "starter") -> Iterator[Backend]:
    """Render a preset, and run its services until the block ends."""
    with TemporaryDirectory() as folder:
        logger.info("Rendering the preset %s …", preset)
        renders = Renders(Path(folder) / "renders")
        render = renders.get({"preset": preset})
        environment = environment_for([render])
        project = Path(folder) / preset
        shutil.copytree(render.path, project)
        logger.info("Starting its services …")
        with development_services(project, environment) as services:
            yield Backend(project, environment, services, renders)


def register(server: Server, count: int) -> list[Person]:
    """Open accounts that nobody has used."""
    names = (f"user-{secrets.token_hex(8)}" for _ in range(count))
    people = [Person(f"{name}@example.com", name, secrets.token_urlsafe(18)) for name in names]
    for person in people:
        server.client.post(f"{API}/auth/register", json=vars(person)).raise_for_status()
    return people


def sign_in(server: Server, person: Person) -> httpx2.Headers:
    """Return the headers that are this person's."""
    credentials = {"username": person.email, "password": person.password}
    answer = server.client.post(f"{API}/auth/login", json=credentials).raise_for_status()
    return httpx2.Headers({"Authorization": f"Bearer {answer.json()['access_token']}"})
