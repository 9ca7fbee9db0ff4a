"""Guessing is slowed down however it is done, and keeps nobody out who is known."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice

import pytest
from httpx2 import Client, Response

from tests.attacks.carriers import Door
from tests.attacks.changes import change_email, change_password
from tests.attacks.people import Account, People, at_once, new_password, refusal

THRESHOLD = 5
REFUSED = (401, "invalid_credentials")
WRONG = (403, "wrong_password")


@dataclass(frozen=True)
class Siege:
    """An account, and a stranger who guesses its password."""

    people: People
    account: Account

    def guess(
        self,
        times: int = THRESHOLD,
        *,
        names: tuple[str, ...] = (),
        doors: tuple[Door, ...] = (),
        device: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Fail to sign in, on the processes, by the names and at the doors in turn."""
        doors = doors or (self.people.carrier.log_in,)
        ways = zip(
            cycle(self.people.deployment.processes),
            cycle(doors),
            cycle(names or (self.account.email,)),
            strict=False,
        )
        for process, door, name in islice(ways, times):
            assert refusal(door(process, name, new_password(), device=device())) == REFUSED

    def opens(self, device: str | None = None) -> list[bool]:
        """Tell for each process whether the right password is accepted."""
        return [
            self.people.carrier.log_in(
                process, self.account.email, self.account.password, device=device
            ).status_code
            == 200
            for process in self.people.deployment.processes
        ]

    def end_lock(self) -> None:
        """Let the time pass that a lock lasts."""
        self.people.deployment.database.execute(
            "UPDATE login_attempts SET locked_until = now() - interval '1 second' "
            "WHERE locked_until IS NOT NULL"
        )


YES, NO = [True, True], [False, False]


@pytest.fixture
def siege(people: People) -> Siege:
    return Siege(people, people.register())


def test_the_right_password_is_refused_after_five_wrong_ones(siege: Siege) -> None:
    siege.guess(THRESHOLD - 1)
    assert siege.opens() == YES
    siege.guess(THRESHOLD)
    assert siege.opens() == NO
    siege.end_lock()
    assert siege.opens() == YES


def test_each_failure_after_a_lock_doubles_the_next(siege: Siege) -> None:
    seconds = (
        "SELECT round(extract(epoch FROM locked_until - now()) / 10)::int FROM login_attempts "
        "ORDER BY last_attempt_at DESC LIMIT 1"
    )
    siege.guess(THRESHOLD)
    locks = []
    for _ in range(6):
        locks.extend(siege.people.deployment.database.fetch(seconds))
        siege.end_lock()
        siege.guess(1)
    assert locks == [(6,), (12,), (24,), (48,), (90,), (90,)]


def test_a_locked_account_does_not_count(siege: Siege) -> None:
    state = "SELECT failures, locked_until FROM login_attempts ORDER BY last_attempt_at DESC"
    fetch = siege.people.deployment.database.fetch
    siege.guess(THRESHOLD)
    before = fetch(state)[0]
    siege.guess(10)
    assert siege.opens() == NO
    assert fetch(state)[0] == before
    assert before[0] == THRESHOLD


def test_however_an_account_is_named_it_is_one(siege: Siege) -> None:
    name, email = siege.account.username, siege.account.email
    names = (
        name,
        email,
        name.upper(),
        email.upper(),
        full_width(name),
        f"  {name}  ",
        email.replace("example.com", "EXAMPLE.com"),
        email.replace("example", full_width("example")),
    )
    for spelling in names:
        right = siege.people.can_sign_in(
            siege.people.deployment.here, spelling, siege.account.password
        )
        assert right, spelling
    siege.guess(names=names)
    assert siege.opens() == NO
    for spelling in names:
        there = siege.people.deployment.there
        assert not siege.people.can_sign_in(there, spelling, siege.account.password)


def full_width(text: str) -> str:
    """Spell ASCII letters with characters that only look and normalise like them."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "User-Agent", "X-Request-ID"]
)
def test_no_header_makes_another_attacker(header: str, siege: Siege) -> None:
    process = siege.people.deployment.here
    for _ in range(THRESHOLD):
        address = f"203.0.113.{secrets.randbelow(250)}"
        value = {"Forwarded": f"for={address}", "X-Request-ID": secrets.token_hex(16)}
        body = {"username": siege.account.email, "password": new_password()}
        headers = {header: value.get(header, address)}
        with siege.people.deployment.client_of(process, headers) as client:
            log_in = siege.people.carrier.log_in
            assert refusal(log_in(client, body["username"], body["password"])) == REFUSED
    assert siege.opens() == NO


def test_every_door_counts(siege: Siege) -> None:
    doors = siege.people.carrier.doors()
    siege.guess(doors=doors)
    for door in doors:
        for process in siege.people.deployment.processes:
            answer = door(process, siege.account.username, siege.account.password)
            assert refusal(answer) == REFUSED


def test_a_burst_gets_no_more_guesses(siege: Siege) -> None:
    words = [new_password() for _ in range(40)]
    words[35] = siege.account.password
    processes = cycle(siege.people.deployment.processes)
    log_in = siege.people.carrier.log_in
    answers = at_once(
        (partial(log_in, next(processes), siege.account.email, word) for word in words),
        workers=16,
    )
    assert {refusal(answer) for answer in answers} == {REFUSED}
    siege.end_lock()
    assert siege.opens() == YES


@pytest.mark.parametrize("change", ["change-password", "change-email"])
def test_a_stolen_session_is_no_oracle(change: str, siege: Siege) -> None:
    thief = siege.people.sign_in(siege.account)
    processes = siege.people.deployment.processes

    def attempt(process: Client, word: str) -> Response:
        if change == "change-password":
            return change_password(process, thief, word, new_password())
        return change_email(process, thief, word, f"mine-{siege.account.email}")

    for _ in range(THRESHOLD):
        assert refusal(attempt(processes[0], new_password())) == WRONG
    for process in processes:
        assert refusal(attempt(process, siege.account.password)) == WRONG
    assert siege.opens() == YES
    siege.end_lock()
    assert attempt(processes[1], siege.account.password).is_success


def test_a_burst_of_a_stolen_session_gets_no_more_guesses(siege: Siege) -> None:
    thief = siege.people.sign_in(siege.account)
    words = [new_password() for _ in range(40)]
    words[35] = siege.account.password
    processes = cycle(siege.people.deployment.processes)
    answers = at_once(
        (partial(change_password, next(processes), thief, word, new_password()) for word in words),
        workers=16,
    )
    assert {refusal(answer) for answer in answers} == {WRONG}
    assert siege.opens() == YES


def test_a_known_device_gets_in_while_strangers_do_not(siege: Siege) -> None:
    device = siege.people.sign_in(siege.account).device
    assert device
    siege.guess(THRESHOLD)
    assert siege.opens() == NO
    assert siege.opens(device) == YES
    assert siege.opens() == NO


def test_a_stranger_cannot_lock_a_known_device(siege: Siege) -> None:
    device = siege.people.sign_in(siege.account).device
    assert device
    for _ in range(4):
        siege.guess(THRESHOLD * 2)
        siege.guess(THRESHOLD * 2, device=lambda: secrets.token_hex(32))
        assert siege.opens(device) == YES
        siege.end_lock()


def test_a_known_device_is_locked_by_its_own_failures(siege: Siege) -> None:
    device = siege.people.sign_in(siege.account).device
    assert device
    siege.guess(THRESHOLD, device=lambda: device)
    assert siege.opens(device) == NO
    siege.end_lock()
    assert siege.opens(device) == YES


def test_a_device_of_somebody_else_is_a_stranger(siege: Siege) -> None:
    _, session = siege.people.register_and_sign_in()
    device = session.device
    assert device
    siege.guess(THRESHOLD, device=lambda: device)
    assert siege.opens(device) == NO
    assert siege.opens() == NO
    siege.end_lock()
    assert siege.opens(device) == YES


def test_made_up_devices_are_one_stranger(siege: Siege) -> None:
    known = siege.people.sign_in(siege.account).device
    assert known
    made_up = cycle(
        [
            secrets.token_hex(32),
            secrets.token_urlsafe(32),
            "' OR true --",
            known[::-1],
            known[:-1],
            siege.account.id,
        ]
    )
    siege.guess(THRESHOLD, device=lambda: next(made_up))
    assert siege.opens() == NO
    assert siege.opens(next(made_up)) == NO
    assert siege.opens(known) == YES


def test_the_name_of_a_session_makes_no_device(siege: Siege) -> None:
    thief = siege.people.sign_in(siege.account)
    here = siege.people.deployment.here
    wrong = change_password(here, thief, new_password(), new_password())
    assert refusal(wrong) == WRONG
    siege.guess(THRESHOLD)
    session_id = siege.people.session_id(thief)
    for made_up in (session_id, f"session:{session_id}"):
        assert siege.opens(made_up) == NO, made_up
    assert siege.opens(thief.device) == YES
