"""Sign-ins that end before a fault and under it, and stay so; and one that doesn't end."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product

from httpx2 import Client

from tests.attacks.carriers import API, Credentials
from tests.drills.site import Site

ME, LOGOUT = f"{API}/users/me", f"{API}/auth/logout"
WORKERS = 4


class Sessions:
    """Those of one person: one is over, one stays, and one at each process ends under the fault."""

    def __init__(self, site: Site, clients: Sequence[Client]) -> None:
        self._clients = clients
        here = clients[0]
        email = site.register(here)
        self.gone, self.present, *self.leaving = [
            site.sign_in(here, email) for _ in range(2 + len(clients))
        ]
        assert sign_out(here, self.gone) == 204
        self._acknowledged: list[Credentials] = []

    def try_meanwhile(self, *, gone: set[int], left: set[int]) -> Iterator[str]:
        """Use what is over, and end the others; say which answer was none of those given."""
        with ThreadPoolExecutor(WORKERS) as pool:
            found = [pool.submit(read, client, self.gone) for client in self._clients]
            pairs = zip(self._clients, self.leaving, strict=True)
            ended = [pool.submit(sign_out, client, each) for client, each in pairs]
        yield from unexpected("a session that is over, meanwhile", _results(found), gone)
        statuses = _results(ended)
        answered = zip(self.leaving, statuses, strict=True)
        self._acknowledged = [each for each, status in answered if status == 204]
        yield from unexpected("signing out meanwhile", statuses, left)

    def look(
        self, over: Sequence[Credentials], going_on: Sequence[Credentials], *, emptied: bool = False
    ) -> Iterator[str]:
        """Say at which processes something is over or not that shouldn't be, with others' sign-ins.

        Where all were `emptied`, none goes on.
        """
        # What was acknowledged is not asked for again.
        tried = [each for each in self.leaving if each not in self._acknowledged]
        left = [sign_out(self._clients[-1], each) for each in tried]
        yield from unexpected("signing out afterwards", left, {204, 401})
        over = [self.gone, *self.leaving, *over]
        yield from unexpected("sessions that are over", self._read_all(over), {401})
        found = self._read_all([self.present, *going_on])
        yield from unexpected("sessions that are not", found, {401 if emptied else 200})

    def _read_all(self, sessions: Sequence[Credentials]) -> list[int]:
        with ThreadPoolExecutor(WORKERS) as pool:
            pairs = product(self._clients, sessions)
            return _results([pool.submit(read, client, each) for client, each in pairs])


def read(client: Client, session: Credentials) -> int:
    return client.get(ME, headers=session.headers).status_code


def sign_out(client: Client, session: Credentials) -> int:
    return client.post(LOGOUT, headers=session.headers).status_code


def unexpected(what: str, found: Sequence[int], wanted: set[int]) -> Iterator[str]:
    yield from (f"{what}: {status}, not {wanted}" for status in found if status not in wanted)


def _results(calls: Sequence[Future[int]]) -> list[int]:
    return [call.result() for call in calls]
