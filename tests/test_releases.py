"""Every released version, brought to the present one, is what a new project would be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.matrix.git import git
from tests.matrix.projects import answers_of, update
from tests.matrix.questions import ROOT, Answers, asked
from tests.matrix.releases import NOW, Release, Releases, releases
from tests.matrix.rows import everything
from tests.matrix.trees import differences

# What `make test` tries of each version; `make test-full` tries all presets.
SOON = {"starter", "all-on"}


def starts() -> Iterator[tuple[Release, str, Answers]]:
    """Yield each preset of each version, and all that could be switched on at its time."""
    for release in releases():
        known = asked(release.questions())
        for preset in known["preset"].choices:
            yield release, preset, {"preset": preset}
        yield release, "all-on", everything(on=True, known=known)


STARTS = [
    pytest.param(
        release, answers, id=f"{release}-{name}", marks=[] if name in SOON else pytest.mark.full
    )
    for release, name, answers in starts()
]


@pytest.mark.parametrize(("release", "start"), STARTS)
def test_a_project_of_each_version_becomes_a_present_one(
    release: Release, start: Answers, released: Releases, tmp_path: Path
) -> None:
    project = released.project(release.version, start, tmp_path / "project")
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
