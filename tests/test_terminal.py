"""Copier in a terminal, as people use it: what they see, what they press, what comes of it."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.matrix.environment import Environment
from tests.matrix.git import IDENTITY, commit_all, git
from tests.matrix.projects import answers_of, living_project
from tests.matrix.questions import Answers, asked, configuration
from tests.matrix.renders import Renders
from tests.matrix.servers import MAIN
from tests.matrix.terminals import CTRL_C, CTRL_U, DOWN, ENTER, SPACE, Terminal, terminal
from tests.matrix.trees import differences

COPIER = Path(sys.executable).with_name("copier")
COPY = (COPIER, "copy", "--vcs-ref=HEAD")
UPDATE = (COPIER, "update", "--vcs-ref=HEAD")
HELPS = {name: str(configuration()[name]["help"]) for name in asked()}
SLUG_REFUSED = "Validation error for question 'project_slug': Use a-z, 0-9 and -, like my-api."
STOPPED = "Execution stopped by user"

# Keys, and what is shown then; Enter takes the answer after the last of them.
Turns = Sequence[tuple[str, str]]


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def update(environment: Environment) -> Sequence[str | Path]:
    """Return the guided way, as it is called in the environment of all renders."""
    return (environment.path / "bin" / "python", "-c", MAIN, "update", "--to=HEAD", "--no-setup")


@pytest.fixture
def project(renders: Renders, tmp_path: Path) -> Path:
    """Return a project whose answers are none of the defaults, wherever that can be seen."""
    answers: Answers = {"project_name": "Shop", "license": "none", "password_hash": "bcrypt"}
    return living_project(renders, answers, tmp_path / "project")


def answer(opened: Terminal, turns: Mapping[str, Turns] | None = None) -> None:
    """Answer every question, with Enter unless there are other keys for it."""
    names = list(HELPS)
    for number, name in enumerate(names):
        opened.wait_for(HELPS[name])
        assert not [later for later in names[number + 1 :] if HELPS[later] in opened.shown]
        for keys, shown in (turns or {}).get(name, ()):
            assert shown not in opened.shown
            opened.type(keys)
            opened.wait_for(shown)
        opened.type(ENTER)


def test_enter_takes_each_default(renders: Renders, tmp_path: Path) -> None:
    with terminal(*COPY, renders.template, "new", cwd=tmp_path) as opened:
        answer(opened)
        assert opened.finish() == 0
    assert differences(renders.get({"preset": "starter"}).path, tmp_path / "new") == []


def test_defaults_follow_the_preset(renders: Renders, tmp_path: Path) -> None:
    with terminal(*COPY, renders.template, "new", cwd=tmp_path) as opened:
        answer(opened, {"preset": [(DOWN, "» minimal")]})
        assert opened.finish() == 0
    assert differences(renders.get({"preset": "minimal"}).path, tmp_path / "new") == []


def test_space_switches_a_feature(renders: Renders, tmp_path: Path) -> None:
    with terminal(*COPY, renders.template, "new", cwd=tmp_path) as opened:
        answer(opened, {"features": [(SPACE, "○ items")]})
        assert opened.finish() == 0
    without = renders.get({"preset": "starter", "features": ["rate_limit"]})
    assert differences(without.path, tmp_path / "new") == []


def test_wrong_answer_is_explained_and_corrected(renders: Renders, tmp_path: Path) -> None:
    corrections = [(CTRL_U + "My API!" + ENTER, SLUG_REFUSED), (CTRL_U + "shop", "   shop")]
    with terminal(*COPY, renders.template, "new", cwd=tmp_path) as opened:
        answer(opened, {"project_slug": corrections})
        assert opened.finish() == 0
    assert answers_of(tmp_path / "new")["project_slug"] == "shop"


@pytest.mark.parametrize("last", ["preset", "project_slug", "ci"])
def test_ctrl_c_leaves_nothing(last: str, renders: Renders, tmp_path: Path) -> None:
    with terminal(*COPY, renders.template, "new", cwd=tmp_path) as opened:
        stop_at(opened, last)
        assert opened.finish() == 1
        assert STOPPED in opened.shown
    assert list(tmp_path.iterdir()) == []


def stop_at(opened: Terminal, last: str) -> None:
    """Answer with Enter as far as this question, and press Ctrl-C there."""
    for name, shown in HELPS.items():
        opened.wait_for(shown)
        if name == last:
            break
        opened.type(ENTER)
    opened.type(CTRL_C)


@pytest.mark.parametrize("name", ["my-api", "a folder", "it's mine", 'the "$HOME" of `it`'])
def test_commands_that_are_told_work(name: str, renders: Renders, tmp_path: Path) -> None:
    with terminal(*COPY, "--defaults", renders.template, name, cwd=tmp_path) as opened:
        assert opened.finish() == 0
        assert "My API is ready." in opened.shown
        enter, commit, run = (line.strip() for line in opened.shown.splitlines()[-3:])
    assert run == "make dev"
    script = f"{enter}\npwd\n{{ {commit}; }} >&2\nmake --dry-run dev"
    result = subprocess.run(
        ["sh", "-ec", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    folder, *recipe = result.stdout.splitlines()
    assert folder == str(tmp_path / name)
    assert recipe
    assert git(tmp_path / name, "log", "--format=%s") == "Start from Mainstay\n"


def test_update_offers_the_recorded_answers(project: Path, renders: Renders) -> None:
    with terminal(*UPDATE, cwd=project) as opened:
        opened.wait_for("`uv run app update`")
        opened.wait_for("it says what would be lost before it changes anything,\n")
        answer(opened)
        assert opened.finish() == 0
        assert "CHANGELOG.md" in opened.shown
        assert "Look for conflicts with `git diff --check`" in opened.shown
    assert git(project, "status", "--porcelain") == ""
    assert answers_of(project)["_src_path"] == str(renders.template)


def test_update_switches_a_feature_off_and_on(project: Path) -> None:
    model = project / "app" / "models" / "items.py"
    before = git(project, "rev-parse", "HEAD").strip()
    with terminal(*UPDATE, cwd=project) as opened:
        answer(opened, {"features": [(SPACE, "○ items")]})
        assert opened.finish() == 0
    assert not model.exists()
    commit_all(project, "Switch off")
    with terminal(*UPDATE, cwd=project) as opened:
        answer(opened, {"features": [(SPACE, "● items")]})
        assert opened.finish() == 0
    assert model.exists()
    commit_all(project, "Switch on")
    assert git(project, "diff", "--name-only", before) == ""


def test_ctrl_c_leaves_a_project_as_it_is(project: Path) -> None:
    with terminal(*UPDATE, cwd=project) as opened:
        stop_at(opened, "features")
        assert opened.finish() == 1
        assert STOPPED in opened.shown
    assert git(project, "status", "--porcelain") == ""


def test_guided_update_asks_everything_where_that_is_wanted(
    update: Sequence[str | Path], project: Path
) -> None:
    with terminal(*update, "--ask", cwd=project) as opened:
        answer(opened, {"features": [(SPACE, "○ items")]})
        opened.wait_for("run `make check test`, then commit.")
        assert opened.finish() == 0
    assert not (project / "app" / "models" / "items.py").exists()


def test_guided_update_asks_nothing_that_was_answered(
    update: Sequence[str | Path], project: Path
) -> None:
    with terminal(*update, cwd=project) as opened:
        opened.wait_for("Nothing to do")
        assert opened.finish() == 0
    record = project / ".copier-answers.yml"
    answers = record.read_text()
    record.write_text(answers.replace("project_description: A backend built with FastAPI.\n", ""))
    assert record.read_text() != answers
    commit_all(project, "As if there were a new question")
    with terminal(*update, cwd=project) as opened:
        opened.wait_for(HELPS["project_description"])
        opened.type(CTRL_U + "Sells things." + ENTER)
        assert opened.finish() == 0
    assert answers_of(project)["project_description"] == "Sells things."


def test_ctrl_c_stops_the_guided_update(update: Sequence[str | Path], project: Path) -> None:
    with terminal(*update, "--ask", cwd=project) as opened:
        stop_at(opened, "features")
        opened.wait_for("Stopped, before anything was changed.")
        assert opened.finish() == 1
    assert git(project, "status", "--porcelain") == ""


def test_update_refuses_a_wrong_answer(project: Path) -> None:
    corrections = [(CTRL_U + "My API!" + ENTER, SLUG_REFUSED), (CTRL_U + "store", "   store")]
    with terminal(*UPDATE, cwd=project) as opened:
        answer(opened, {"project_slug": corrections})
        assert opened.finish() == 0
    assert answers_of(project)["project_slug"] == "store"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("project_slug=My API!", SLUG_REFUSED),
        ("auth=none", "Invalid choice for 'auth'"),
    ],
)
def test_update_refuses_what_a_project_can_not_be(given: str, sentence: str, project: Path) -> None:
    with terminal(*UPDATE, "--defaults", f"--data={given}", cwd=project) as opened:
        assert opened.finish() == 1
        assert sentence in opened.shown.replace("\n", "")
    assert git(project, "status", "--porcelain") == ""


def test_update_refuses_what_is_not_committed(project: Path) -> None:
    (project / "README.md").write_text("Mine\n")
    with terminal(*UPDATE, "--defaults", cwd=project) as opened:
        assert opened.finish() == 1
        assert "commit or stash your" in opened.shown
    assert git(project, "status", "--porcelain") == " M README.md\n"


def without_a_terminal(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_copy_without_a_terminal_asks_for_defaults(renders: Renders, tmp_path: Path) -> None:
    copy = (*COPY, renders.template, "new")
    refused = without_a_terminal(*copy, cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("Interactive session required: Use `--defa")
    assert list(tmp_path.iterdir()) == []
    accepted = without_a_terminal(*copy, "--defaults", cwd=tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    assert differences(renders.get({"preset": "starter"}).path, tmp_path / "new") == []


def test_update_without_a_terminal_asks_for_defaults(project: Path) -> None:
    refused = without_a_terminal(*UPDATE, cwd=project)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("Interactive session required: Use `--defa")
    assert git(project, "status", "--porcelain") == ""
    off = "--data=features=[]"
    accepted = without_a_terminal(*UPDATE, "--defaults", off, cwd=project)
    assert accepted.returncode == 0, accepted.stderr
    assert not (project / "app" / "models" / "items.py").exists()
