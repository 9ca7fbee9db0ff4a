"""`make` on a bare machine: it lists its commands, and says what is missing in one sentence."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.matrix.git import commit_all, git
from tests.matrix.questions import ROOT

SYSTEM = ("awk", "find", "grep", "make", "mkdir", "sed", "sh", "touch")
OLD = "import sys; sys.version_info = (3, 9, 2, 'final', 0)"
BARE = "import sys; sys.modules['ensurepip'] = None"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return what `make` needs to know of this repository, nothing being installed."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, clone)
    return clone


def programs(folder: Path, names: Iterable[str]) -> Path:
    """Return a folder that holds these programs of the machine, to be all of PATH."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def add_uv(folder: Path) -> None:
    """Add a `uv` that does nothing, and says that all is well."""
    (folder / "uv").write_text("#!/bin/sh\n")
    (folder / "uv").chmod(0o755)


def add_python(folder: Path, prelude: str) -> None:
    """Add a `python3` that runs a prelude before each program that it is given with `-c`."""
    script = folder / "python3"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{prelude}; exec(sys.argv[2])" "$@"\n')
    script.chmod(0o755)


def make(clone: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env={"PATH": str(path), "HOME": os.environ["HOME"]},
        check=False,
        capture_output=True,
        text=True,
    )


def sentence(result: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed `make` said, without its own last line."""
    assert result.returncode == 2
    lines = [line for line in result.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_help_lists_every_target(clone: Path, tmp_path: Path) -> None:
    result = make(clone, programs(tmp_path / "bin", SYSTEM))
    listed = re.findall(r"^make (\S+)", result.stdout, re.MULTILINE)
    phony = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed == phony[0].split()


def test_no_python(clone: Path, tmp_path: Path) -> None:
    result = make(clone, programs(tmp_path / "bin", (*SYSTEM, "git")), "demo")
    assert sentence(result).startswith("Python 3.11 or newer is needed: install it")


@pytest.mark.parametrize(
    ("prelude", "expected"),
    [
        (OLD, "Python 3.11 or newer is needed: install it"),
        (BARE, f"Python 3.{sys.version_info.minor} has no venv module: install the package"),
    ],
    ids=["old", "no-venv"],
)
def test_python_that_is_not_enough(
    prelude: str, expected: str, clone: Path, tmp_path: Path
) -> None:
    path = programs(tmp_path / "bin", (*SYSTEM, "git"))
    add_python(path, prelude)
    assert sentence(make(clone, path, "demo")).startswith(expected)


def test_no_git(clone: Path, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", SYSTEM)
    add_uv(path)
    assert sentence(make(clone, path, "demo")) == "git is needed: install the package git."


def test_new_wants_to_know_where(clone: Path, tmp_path: Path) -> None:
    copier_is_there = clone / ".venv" / "bin" / ".render"
    copier_is_there.parent.mkdir(parents=True)
    copier_is_there.touch()
    path = programs(tmp_path / "bin", (*SYSTEM, "git"))
    add_uv(path)
    assert sentence(make(clone, path, "new")) == "Say where it shall lie: make new DEST=../my-api"


def source(clone: Path) -> str:
    """Return what `make new` would record as the place where updates come from."""
    show = "--eval=show: ; @echo $(SOURCE)"
    return make(clone, Path("/usr/bin:/bin"), show, "show").stdout.strip()


@pytest.fixture
def pushed(clone: Path) -> Path:
    """Return a clone whose only commit its remote has."""
    git(clone, "init", "--quiet")
    commit_all(clone, "First")
    git(clone, "remote", "add", "origin", "https://example.com/mainstay.git")
    git(clone, "update-ref", "refs/remotes/origin/main", "HEAD")
    return clone


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("https://example.com/mainstay.git", "git+https://example.com/mainstay.git"),
        ("ssh://git@example.com/mainstay", "git+ssh://git@example.com/mainstay"),
        ("git@example.com:mainstay.git", "git@example.com:mainstay.git"),
    ],
)
def test_new_records_the_remote(url: str, recorded: str, pushed: Path) -> None:
    git(pushed, "remote", "set-url", "origin", url)
    assert source(pushed) == recorded


def test_new_records_the_clone_where_the_remote_lags(pushed: Path) -> None:
    (pushed / "copier.yml").touch()
    commit_all(pushed, "Second")
    assert source(pushed) == str(pushed)


def test_new_records_the_clone_with_changes(pushed: Path) -> None:
    (pushed / "copier.yml").touch()
    assert source(pushed) == str(pushed)


def test_new_records_the_clone_of_a_path(pushed: Path) -> None:
    git(pushed, "remote", "set-url", "origin", "../elsewhere")
    assert source(pushed) == str(pushed)


def test_new_records_the_folder_that_is_no_clone(clone: Path) -> None:
    assert source(clone) == str(clone)
