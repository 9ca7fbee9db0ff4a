"""Valkey is killed, hung, dragged, emptied and restarted under traffic, and nobody gets a 500."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from tests.drills.redis_drill import Drill
from tests.drills.redis_faults import FAULTS
from tests.drills.redis_site import ANSWERS, RedisSite, running_site
from tests.drills.report import show
from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.renders import Render, Renders

pytestmark = pytest.mark.xdist_group("live")

# The others take long, and are tried with both kinds of sign-in.
QUICK = ("jwt", "killed")


@dataclass(frozen=True)
class Grounds:
    """Where sites are run, on one server with a migrated database for each kind of sign-in."""

    renders: Renders
    environment: Environment
    clusters: dict[str, Cluster]

    def site(
        self, kind: str, folder: Path, *, proxied: bool = False, project: Path | None = None
    ) -> AbstractContextManager[RedisSite]:
        """Run a site of a render, or of a project that was made of it."""
        render = self.renders.get(ANSWERS[kind])
        if kind not in self.clusters:
            self.clusters[kind] = self.clusters[""].migrated(
                f"drilled-{kind}", render, self.environment
            )
        run = Render(project or render.path, render.answers)
        cluster = self.clusters[kind]
        return running_site(kind, run, self.environment, cluster, folder, proxied=proxied)


@pytest.fixture(scope="module")
def places(renders: Renders, environment: Environment, cluster: Cluster) -> Grounds:
    return Grounds(renders, environment, {"": cluster})


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, places: Grounds, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisSite]:
    """Run one site for all faults that it fits, one after the other."""
    kind, proxied = request.param
    with places.site(kind, tmp_path_factory.mktemp("site"), proxied=proxied) as site:
        yield site


@pytest.mark.parametrize(
    ("site", "name"),
    [
        pytest.param(
            place,
            name,
            id=f"{place[0]}-{name}",
            marks=[] if (place[0], name) == QUICK else pytest.mark.full,
        )
        # One object for all faults of a place, by which pytest knows that the site is the same.
        for place in product(ANSWERS, (False, True))
        for name, fault in FAULTS.items()
        if fault.proxied == place[1]
    ],
    indirect=["site"],
    scope="module",
)
def test_a_fault_of_valkey(site: RedisSite, name: str) -> None:
    report = Drill(site, FAULTS[name]).run()
    show(report.text())
    assert report.complaints() == []


@dataclass(frozen=True)
class Planted:
    """A change of a project, and what the drill of a fault says of it."""

    fault: str
    file: str
    old: str
    new: str
    complaint: str


PLANTED = {
    "an outage is an answer": Planted(
        "killed",
        "app/core/rate_limit.py",
        "except ServiceUnavailable:",
        "except KeyError:",
        "times read: 503 service_unavailable",
    ),
    "an outage opens the doors": Planted(
        "killed",
        "app/core/rate_limit.py",
        'STRICT = {"auth", "account"}',
        "STRICT: set[str] = set()",
        "guesses meanwhile: [{401: 7}",
    ),
    "an outage is waited for": Planted(
        "frozen",
        "app/core/redis.py",
        "asyncio.timeout(self.timeout)",
        "asyncio.timeout(8 * self.timeout)",
        "read during the fault took",
    ),
    # What is sent to a frozen server is done once it moves again; from others it comes too late.
    "a write is forgotten": Planted(
        "restarted",
        "app/core/cache.py",
        "if self._owed and (",
        "self._owed.clear()\n            if self._owed and (",
        "recovered after",
    ),
}


@pytest.mark.full
@pytest.mark.parametrize("name", PLANTED)
def test_a_drill_notices_what_is_wrong(name: str, places: Grounds, tmp_path: Path) -> None:
    planted, project = PLANTED[name], tmp_path / "planted"
    shutil.copytree(places.renders.get(ANSWERS["jwt"]).path, project)
    file = project / planted.file
    source = file.read_text()
    assert source.count(planted.old) == 1
    file.write_text(source.replace(planted.old, planted.new))
    (tmp_path / "site").mkdir()
    with places.site("jwt", tmp_path / "site", project=project) as site:
        found = Drill(site, FAULTS[planted.fault]).run().complaints()
    assert any(planted.complaint in complaint for complaint in found), found
