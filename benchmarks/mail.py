"""Whether the time of an answer tells that an address is known, while the mail server hangs."""

import logging
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

from benchmarks.backend import API, Backend, Person, running_backend
from benchmarks.enumeration import CONTROL_LIMIT, LEAST, MOST, medians_of
from benchmarks.results import Ratio
from tests.matrix.servers import Server

ROUNDS, QUICK_ROUNDS = 200, 4
PEOPLE = 20

CONTROL = "register, without hashing"
COMPARISONS = {
    "register, known": "register, new",
    "forgot, known": "forgot, unknown",
    "resend, known": "resend, unknown",
}

logger = logging.getLogger(__name__)


def run(*, quick: bool = False) -> Iterator[Ratio]:
    """Ask for known and for unknown addresses, and compare the medians."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with running_backend("everything") as backend, _hanging_server() as port:
        _configure(backend, port)
        with backend.serve() as server:
            logger.info("mail: opening accounts …")
            medians = medians_of("mail", _attempts(backend, server), rounds)
    for kind, other in COMPARISONS.items():
        key = kind.replace(", ", ".")
        ratio = medians[kind] / medians[other]
        yield Ratio(f"mail.{key}", f"{kind} to {other.partition(', ')[2]}", ratio, LEAST, MOST)
    # The control: were hashing left out somewhere, this is how far off its ratio would be.
    ratio = medians[CONTROL] / medians["register, new"]
    yield Ratio("mail.control", f"{CONTROL} to new", ratio, most=CONTROL_LIMIT)


@contextmanager
def _hanging_server() -> Iterator[int]:
    """Accept connections, and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _configure(backend: Backend, port: int) -> None:
    variables = {
        "APP_FRONTEND_URL": "https://app.example.com",
        "EMAIL_SENDER": "no-reply@example.com",
        "OAUTH_GITHUB_CLIENT_ID": "benchmark",
        "OAUTH_GITHUB_CLIENT_SECRET": "benchmark",
        "OAUTH_GOOGLE_CLIENT_ID": "benchmark",
        "OAUTH_GOOGLE_CLIENT_SECRET": "benchmark",
        "OAUTH_REDIRECT_BASE_URL": "https://api.example.com",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": port,
    }
    with (backend.project / ".env").open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in variables.items())


def _attempts(backend: Backend, server: Server) -> dict[str, Callable[[], None]]:
    people = [_new_person() for _ in range(PEOPLE)]
    for person in people:
        _post(server, "register", {"email": person.email, "password": person.password})
    verified = people[: PEOPLE // 2]
    backend.execute("UPDATE users SET email_verified_at = now() WHERE email = ANY($1)", verified)
    turns = cycle(people)

    def register(person: Person, *, password: str, status: int = 202) -> None:
        _post(server, "register", {"email": person.email, "password": password}, status)

    def ask(what: str, person: Person) -> None:
        _post(server, what, {"email": person.email})

    return {
        "register, new": lambda: register(_new_person(), password=secrets.token_urlsafe(18)),
        "register, known": lambda: register(next(turns), password=secrets.token_urlsafe(18)),
        CONTROL: lambda: register(_new_person(), password="short", status=422),  # noqa: S106
        "forgot, known": lambda: ask("forgot-password", next(turns)),
        "forgot, unknown": lambda: ask("forgot-password", _new_person()),
        "resend, known": lambda: ask("resend-verification", next(turns)),
        "resend, unknown": lambda: ask("resend-verification", _new_person()),
    }


def _new_person() -> Person:
    name = f"user-{secrets.token_hex(8)}"
    return Person(f"{name}@example.com", name, secrets.token_urlsafe(18))


def _post(server: Server, what: str, body: dict[str, str], status: int = 202) -> None:
    answer = server.client.post(f"{API}/auth/{what}", json=body)
    if answer.status_code != status:
        raise AssertionError(f"{what} was answered by {answer.status_code}: {answer.text}")
