from pathlib import Path

import pytest

from tests.checks.surface import surface_faults, surfaces, wiring_faults
from tests.matrix.environment import Environment
from tests.matrix.git import git
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render


@pytest.mark.parametrize(
    ("file", "change", "fault"),
    [
        ("app/repositories/base.py", ("async def find(", "async def look_up("), "Repository.find"),
        ("app/core/config/base.py", ("CommaList", "Commas"), "CommaList"),
        ("tests/fixtures/api.py", ("async def admin_client(", "async def admins("), "admin_client"),
        ("docs/ONBOARDING.md", ("import errors", "import install_handlers"), "install_handlers"),
        ("pyproject.toml", ("default:Moved by", "error:Moved by"), "Moved by the template"),
    ],
)
def test_broken_promise(
    file: str, change: tuple[str, str], fault: str, planted: Render, environment: Environment
) -> None:
    path = planted.path / file
    assert change[0] in path.read_text()
    path.write_text(path.read_text().replace(*change))
    assert fault in "".join(surface_faults(planted, environment, surfaces()["present"]))


def test_wiring_beyond_the_promise(planted: Render) -> None:
    path = planted.path / "app" / "models" / "project.py"
    path.write_text("from app.models.users import User\nfrom app.models.auth import AuthSession\n")
    [fault] = wiring_faults(planted)
    assert fault.startswith("app/models/project.py imports app.models.auth.AuthSession, which")


def test_promise_of_a_release(tmp_path: Path) -> None:
    commit = git(ROOT, "log", "-1", "--format=%H", "--", "template/docs/SURFACE.md").strip()
    releases = tmp_path / "releases.toml"
    releases.write_text(f'[[release]]\nversion = "0.1.0"\ncommit = "{commit}"\n')
    found = surfaces(releases)
    assert found["0.1.0"].startswith("# The stable surface")
    assert found.keys() == {"0.1.0", "present"}
    assert surfaces(tmp_path / "gone.toml").keys() == {"present"}
