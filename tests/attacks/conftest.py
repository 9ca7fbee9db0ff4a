"""The deployment that all attacks on a kind of sign-in share, and the people on it."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from httpx2 import Client

from tests.attacks import limits
from tests.attacks.access import table
from tests.attacks.carriers import Carrier, Credentials
from tests.attacks.deployment import Deployment, Target, deployed
from tests.attacks.grounds import Grounds
from tests.attacks.kinds import KINDS, kinds_of
from tests.attacks.limits import Place
from tests.attacks.people import Account, People


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try each attack on every kind of sign-in that it fits, or on the one that is given."""
    if "kind" not in metafunc.fixturenames:
        return
    given = Target.from_variables()
    kinds = [given.kind] if given else kinds_of(metafunc.definition.path.name)
    # Each kind has a deployment of its own, and so a process of its own.
    marks = {kind: pytest.mark.xdist_group(f"attacks-{kind}") for kind in kinds}
    prefixes = {kind: "" if given else f"{kind}-" for kind in kinds}
    if "route" in metafunc.fixturenames:
        routes = [
            pytest.param(kind, route, marks=marks[kind], id=f"{prefixes[kind]}{route}")
            for kind in kinds
            for route in table(kind)
        ]
        metafunc.parametrize(("kind", "route"), routes, scope="session")
        return
    names = [
        pytest.param(kind, marks=marks[kind], id=pytest.HIDDEN_PARAM if given else kind)
        for kind in kinds
    ]
    metafunc.parametrize("kind", names, scope="session")


@pytest.fixture(scope="session")
def carrier(kind: str) -> Carrier:
    return KINDS[kind].carrier


@pytest.fixture(scope="session")
def target(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Target:
    """Return the project that another run has planted a fault in, or a render."""
    if given := Target.from_variables():
        return given
    grounds: Grounds = request.getfixturevalue("grounds")
    return grounds.target(kind, tmp_path_factory.mktemp("attacked") / kind)


@pytest.fixture(scope="session")
def shared_deployment(
    target: Target, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    with deployed(target, tmp_path_factory.mktemp("deployed")) as deployment:
        yield deployment


@pytest.fixture
def deployment(shared_deployment: Deployment) -> Iterator[Deployment]:
    """Return the deployment, and fail if an attack made a process fail."""
    before = shared_deployment.failures()
    yield shared_deployment
    assert shared_deployment.failures() == before


@pytest.fixture(scope="session")
def limited(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run a deployment whose limits are few; all others have none."""
    folder = tmp_path_factory.mktemp("limited")
    with deployed(target, folder, limits.settings()) as deployment:
        yield deployment


@pytest.fixture
def place(limited: Deployment) -> Iterator[Place]:
    """Return what gives the limited deployment as an address sees it that nobody else has."""
    before = limited.failures()
    with ExitStack() as stack:

        def enter() -> Deployment:
            numbers = [secrets.randbelow(count) + 1 for count in (100, 250, 250)]
            address = ".".join(map(str, [127, *numbers]))
            return stack.enter_context(limited.seen_from(address))

        yield enter
    assert limited.failures() == before


@pytest.fixture
def emptied(deployment: Deployment) -> Iterator[None]:
    """Leave nothing in the cache that no application would have written."""
    yield
    for key in deployment.store.keys("*{cache}*"):
        deployment.store.redis.delete(key)


@pytest.fixture
def here(deployment: Deployment) -> Client:
    """Return the process that is asked."""
    return deployment.here


@pytest.fixture
def there(deployment: Deployment) -> Client:
    """Return the other process, which has to know without being told."""
    return deployment.there


@pytest.fixture
def people(deployment: Deployment, carrier: Carrier) -> People:
    return People(deployment, carrier)


@pytest.fixture
def account(people: People) -> Account:
    return people.register()


@pytest.fixture
def session(people: People, account: Account) -> Credentials:
    """Return a session of the account, as its kind of sign-in gives it."""
    return people.sign_in(account)
