"""PostgreSQL is killed, frozen, dragged, cut off and restarted under traffic: nobody gets a 500."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.drills.conftest import Grounds
from tests.drills.database_drill import DatabaseDrill
from tests.drills.database_faults import FAULTS
from tests.drills.database_site import DatabaseSite, Ground
from tests.drills.report import show

pytestmark = pytest.mark.xdist_group("live")

PLACES = [Ground(kind, proxied) for kind in ("jwt", "session") for proxied in (False, True)]
SUPERVISED = Ground("jwt", workers=2)
# The others take long.
QUICK = (PLACES[0], "killed")


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, drilled: Grounds, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseSite]:
    """Run one site for all faults that it fits, one after the other."""
    with drilled.broken(request.param, tmp_path_factory.mktemp("site")) as site:
        yield site


def _id(ground: Ground, name: str) -> str:
    return f"{ground.kind}-{'workers-' * (ground.workers > 1)}{name}"


@pytest.mark.parametrize(
    ("site", "name"),
    [
        pytest.param(
            place,
            name,
            id=_id(place, name),
            marks=[] if (place, name) == QUICK else pytest.mark.full,
        )
        for place, names in [*((place, FAULTS) for place in PLACES), (SUPERVISED, ["killed"])]
        for name in names
        if FAULTS[name].proxied == place.proxied
    ],
    indirect=["site"],
    scope="module",
)
def test_a_fault_of_postgresql(site: DatabaseSite, name: str) -> None:
    report = DatabaseDrill(site, FAULTS[name]).run()
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
    "a refused connection is unforeseen": Planted(
        "killed",
        "app/api/errors.py",
        "UNREACHABLE = (ConnectionError, TimeoutError, socket.gaierror)",
        "UNREACHABLE = (TimeoutError, socket.gaierror)",
        "500 internal_error",
    ),
    "silence is waited for": Planted(
        "frozen",
        "app/db/engine.py",
        '"command_timeout": settings.statement_timeout',
        '"command_timeout": 4 * settings.statement_timeout',
        "a refusal took",
    ),
    "silence is ended in order": Planted(
        "frozen",
        "app/db/engine.py",
        '    event.listen(engine.sync_engine, "handle_error", _drop_silent)\n',
        "",
        "a refusal took",
    ),
    "readiness looks at nothing": Planted(
        "killed",
        "app/services/health.py",
        "            return UNREACHABLE\n",
        "            return OK\n",
        "times ready while away",
    ),
    "what is acknowledged is not yet on the disk": Planted(
        "killed",
        "app/db/engine.py",
        '{"server_settings": {name: f',
        '{"server_settings": {"synchronous_commit": "off"} | {name: f',
        "acknowledged and lost",
    ),
    "an outage signs people out": Planted(
        "restarted",
        "app/api/errors.py",
        "        return problems.render(request.scope, ServiceUnavailable())",
        "        return problems.render_status(request.scope, 401)",
        "times read: 401",
    ),
}


@pytest.mark.full
@pytest.mark.parametrize("name", PLANTED)
def test_a_drill_notices_what_is_wrong(name: str, drilled: Grounds, tmp_path: Path) -> None:
    planted, project = PLANTED[name], tmp_path / "planted"
    drilled.plant(planted.file, planted.old, planted.new, project)
    (tmp_path / "site").mkdir()
    with drilled.broken(Ground("jwt"), tmp_path / "site", project) as site:
        found = DatabaseDrill(site, FAULTS[planted.fault]).run().complaints()
    assert any(planted.complaint in complaint for complaint in found), found
