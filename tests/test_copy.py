"""`copier copy` as a user runs it: from a path, from a URL, with a file of answers, untrusted."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.matrix.questions import ROOT
from tests.matrix.renders import Renders
from tests.matrix.rows import PRESETS
from tests.matrix.trees import differences


def copy(source: str, destination: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("copier"), "copy", *options, source, str(destination)],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_from_a_path_with_defaults(renders: Renders, tmp_path: Path) -> None:
    result = copy(str(renders.template), tmp_path / "new", "--defaults", "--vcs-ref=HEAD")
    assert result.returncode == 0, result.stderr
    assert differences(renders.get({"preset": "starter"}).path, tmp_path / "new") == []


def test_from_a_url(renders: Renders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPIER_CACHE_DIR", str(tmp_path / "cache"))
    url = f"git+file://{renders.template}"
    result = copy(url, tmp_path / "new", "--defaults", "--vcs-ref=HEAD")
    assert result.returncode == 0, result.stderr
    answers = yaml.safe_load((tmp_path / "new" / ".copier-answers.yml").read_text())
    assert answers["_src_path"] == url
    rendered = differences(renders.get({"preset": "starter"}).path, tmp_path / "new")
    assert rendered == [".copier-answers.yml differs"]


@pytest.mark.parametrize("preset", PRESETS)
def test_with_a_file_of_answers(preset: str, renders: Renders, tmp_path: Path) -> None:
    file = f"--data-file={ROOT / 'presets' / preset}.yml"
    options = ("--defaults", "--vcs-ref=HEAD", file)
    result = copy(str(renders.template), tmp_path / "new", *options)
    assert result.returncode == 0, result.stderr
    assert differences(renders.get({"preset": preset}).path, tmp_path / "new") == []


def test_next_commands_are_told(renders: Renders, tmp_path: Path) -> None:
    destination = tmp_path / "a folder"
    result = copy(str(renders.template), destination, "--defaults", "--vcs-ref=HEAD")
    told = [line.strip() for line in result.stderr.splitlines() if line.startswith("  ")]
    assert told == [
        f"cd '{destination}'",
        'git init && git add . && git commit -m "Start from Mainstay"',
        "make dev",
    ]
