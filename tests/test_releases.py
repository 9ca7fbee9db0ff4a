"""Every released version, brought to the present one, is what a new project would be."""

from pathlib import Path

import pytest

from tests.matrix.git import git
from tests.matrix.projects import answers_of, update
from tests.matrix.questions import ROOT, Answers
from tests.matrix.releases import NOW, Release, Releases, releases
from tests.matrix.rows import PRESETS, everything
from tests.matrix.trees import differences

STARTS: dict[str, Answers] = {preset: {"preset": preset} for preset in PRESETS} | {
    "everything": everything(on=True)
}
# What `make test` tries of them; `make test-full` tries all.
SOON = {"starter", "everything"}


@pytest.mark.parametrize("release", releases(), ids=str)
@pytest.mark.parametrize(
    "start",
    [pytest.param(name, marks=[] if name in SOON else pytest.mark.full) for name in STARTS],
)
def test_a_project_of_each_version_becomes_a_present_one(
    release: Release, start: str, released: Releases, tmp_path: Path
) -> None:
    project = released.project(release.version, STARTS[start], tmp_path / "project")
    update(project, {}, to=NOW, trust=True)
    new = released.project(NOW, answers_of(project), tmp_path / "new")
    assert differences(new, project) == []


def test_versions_rise_along_the_history() -> None:
    commits = [release.commit for release in releases()]
    for earlier, later in zip(commits, [*commits[1:], "HEAD"], strict=True):
        git(ROOT, "merge-base", "--is-ancestor", earlier, later)


def test_each_version_has_a_section_of_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    for release in releases():
        assert f"\n## [{release.version}] - " in text


@pytest.mark.parametrize("release", releases(), ids=str)
def test_revisions_that_were_released_are_as_they_were(release: Release) -> None:
    folder = "template/migrations/versions"
    changed = git(ROOT, "diff", "--name-status", "--diff-filter=a", release.commit, "--", folder)
    assert changed == ""
